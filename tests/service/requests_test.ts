import { JobWorkerError } from "../../lib/errors.ts";
import type { StreamLogsRequest } from "../../lib/service/job_service.ts";
import type { JobMethod } from "../../lib/service/methods.ts";
import { checkRequest } from "../../lib/service/requests.ts";
import { assert } from "../assert.ts";
import { TRUE } from "./fixture.ts";

const jobId = "01890a5d-ac96-774b-bcce-b302099a8057";
const start = { kind: "offset", offset: 0 } as const;
const log: StreamLogsRequest = { jobId, streams: [], follow: false, start };
const list = { filter: {}, pageSize: 0, pageToken: "" };
const output = { jobId, streams: [], offset: 0, maxBytes: 0 };
const stop = { jobId, stopSignal: "", gracePeriodMs: null };
const newJob = { command: TRUE, labels: {}, requestId: "" };

function labelsOf(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, "x"]));
}

const GOOD: readonly (readonly [JobMethod, unknown])[] = [
  ["startJob", newJob],
  ["startJob", { ...newJob, labels: { a: "b" }, requestId: "ü".repeat(128) }],
  ["stopJob", stop],
  ["stopJob", { ...stop, stopSignal: "SIGINT", gracePeriodMs: 0 }],
  ["getJob", { jobId }],
  ["waitJob", { jobId }],
  ["listJobs", list],
  ["listJobs", {
    filter: {
      statuses: ["running", "done", "failed", "cancelled"],
      labels: labelsOf(64),
      jobIdPrefix: "0189",
    },
    pageSize: 1000,
    pageToken: jobId,
  }],
  ["getLogs", output],
  ["getLogs", { ...output, streams: ["stdout", "stderr"], offset: 2 ** 40, maxBytes: 1024 ** 2 }],
  ["streamLogs", log],
  ["streamLogs", { ...log, start: { kind: "tail", lines: 0 } }],
  ["streamLogs", { ...log, start: { kind: "since", time: -1.5 } }],
  // Nothing is left to read, which the answer says.
  ["getLogs", { ...output, offset: 3, endOffset: 3 }],
  ["streamLogs", { ...log, follow: false, start: { kind: "offset", offset: 3 }, endOffset: 3 }],
  ["watchJobs", { filter: { owner: "alice", labels: { a: "b" } } }],
  ["pruneJobs", { maxCount: 0, dryRun: false, owner: "" }],
];

const UUID = "must be a job id, a UUID like 01890a5d-ac96-774b-bcce-b302099a8057";
const PLAIN = (max: number) => `must be at most ${max} characters, without control characters`;

/** A request that is refused, and how. */
const BAD: readonly (readonly [JobMethod, unknown, string])[] = [
  ["getJob", { jobId: "" }, `Invalid jobId "": ${UUID}`],
  ["stopJob", { ...stop, jobId: "../../etc/passwd" }, `Invalid jobId "../../etc/passwd": ${UUID}`],
  ["waitJob", { jobId: `${jobId}\0` }, `Invalid jobId "${jobId}\\u0000": ${UUID}`],
  ["getJob", { jobId: jobId.toUpperCase() }, `Invalid jobId "${jobId.toUpperCase()}": ${UUID}`],
  [
    "getLogs",
    { ...output, jobId: "x".repeat(1e6) },
    `Invalid jobId "${"x".repeat(80)}…": ${UUID}`,
  ],
  [
    "getLogs",
    { ...output, offset: -1 },
    `Invalid offset -1: must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
  ],
  [
    "getLogs",
    { ...output, offset: 3, endOffset: 2 },
    "Invalid endOffset 2: must not be before the offset to start from",
  ],
  [
    "streamLogs",
    { ...log, follow: false, start: { kind: "offset", offset: 3 }, endOffset: 2 },
    "Invalid endOffset 2: must not be before the offset to start from",
  ],
  [
    "streamLogs",
    { ...log, follow: true, endOffset: 2 },
    "Invalid endOffset 2: must be left out if the log is followed, because it then ends with the job",
  ],
  [
    "getLogs",
    { ...output, maxBytes: 2 ** 20 + 1 },
    "Invalid maxBytes 1048577: must be a whole number from 0 to 1048576",
  ],
  [
    "listJobs",
    { ...list, pageSize: 1001 },
    "Invalid pageSize 1001: must be a whole number from 0 to 1000",
  ],
  [
    "listJobs",
    { ...list, pageSize: 1.5 },
    "Invalid pageSize 1.5: must be a whole number from 0 to 1000",
  ],
  [
    "listJobs",
    { ...list, pageToken: "2" },
    'Invalid pageToken "2": must be a token from the page before',
  ],
  [
    "watchJobs",
    { filter: { owner: "a\x1b[2J" } },
    `Invalid filter.owner "a\\u001b[2J": ${PLAIN(64)}`,
  ],
  [
    "listJobs",
    { ...list, filter: { jobIdPrefix: "%" } },
    'Invalid filter.jobIdPrefix "%": must be the beginning of a job id: up to 36 of 0-9, a-f and -',
  ],
  [
    "listJobs",
    { ...list, filter: { labels: labelsOf(65) } },
    "Invalid filter.labels: must be at most 64 labels",
  ],
  [
    "watchJobs",
    { filter: { statuses: ["done", "failed", "done"] } },
    "Invalid filter.statuses: must name each status once",
  ],
  [
    "startJob",
    { ...newJob, requestId: "x".repeat(129) },
    `Invalid requestId "${"x".repeat(80)}…": ${PLAIN(128)}`,
  ],
  [
    "streamLogs",
    { ...log, start: { kind: "tail", lines: -1 } },
    "Invalid start.lines -1: must be a whole number from 0 to 1000000000",
  ],
];

Deno.test("checkRequest() lets pass what can be answered", () => {
  for (const [method, request] of GOOD) checkRequest(method, request);
});

Deno.test("checkRequest() names the field, its value and what is accepted", () => {
  for (const [method, request, message] of BAD) {
    assert.throws(
      () => checkRequest(method, request),
      (error) => {
        assert.ok(error instanceof JobWorkerError);
        assert.deepEqual([error.code, error.message], ["invalid_argument", message]);
        return true;
      },
    );
  }
});

Deno.test("checkRequest() refuses values of other types and kinds, whoever sends them", () => {
  const bad: readonly (readonly [JobMethod, unknown, string])[] = [
    [
      "streamLogs",
      { ...log, start: { kind: "end" } },
      'Invalid start.kind "end": must be one of "offset", "tail", "since"',
    ],
    [
      "streamLogs",
      { ...log, streams: ["stdin"] },
      'Invalid streams.0 "stdin": must be one of "stdout", "stderr"',
    ],
    [
      "listJobs",
      { ...list, filter: { statuses: ["lost"] } },
      'Invalid filter.statuses.0 "lost": must be one of "queued", "running", "done", "failed", "cancelled"',
    ],
    [
      "startJob",
      { ...newJob, command: { ...TRUE, args: [1] } },
      "Invalid command.args.0 1: must be a string",
    ],
    ["startJob", { ...newJob, command: null }, "Invalid command null: must be an object"],
    ["startJob", { labels: {}, requestId: "" }, "Missing command: must be an object"],
    ["getJob", {}, "Missing jobId: must be a string"],
    ["getJob", null, "Invalid request: must be an object"],
    ["getJob", { jobId, command: {} }, 'Invalid request: has no field "command", only jobId'],
    [
      "startJob",
      { ...newJob, command: { ...TRUE, shell: 1 } },
      'Invalid command: has no field "shell", only name, args, env, workingDirectory',
    ],
    // What a variable holds may be a secret.
    [
      "startJob",
      { ...newJob, command: { ...TRUE, env: { PIN: 1234 } } },
      "Invalid command.env.PIN: must be a string",
    ],
    [
      "listJobs",
      { ...list, filter: { labels: { "a\n": "x" } } },
      `Invalid filter.labels: the name "a\\n" ${PLAIN(63)}`,
    ],
    [
      "pruneJobs",
      { dryRun: true, owner: "" },
      "Invalid request: must say what to keep, by age, count or bytes",
    ],
  ];
  for (const [method, request, message] of bad) {
    assert.throws(() => checkRequest(method, request), { code: "invalid_argument", message });
  }
});
