import { JobWorkerError } from "../../lib/errors.ts";
import type { JobMethod, StreamLogsRequest } from "../../lib/service/job_service.ts";
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
  ["getOutput", output],
  ["getOutput", { ...output, streams: ["stdout", "stderr"], offset: 2 ** 40, maxBytes: 1024 ** 2 }],
  ["streamLogs", log],
  ["streamLogs", { ...log, start: { kind: "tail", lines: 0 } }],
  ["streamLogs", { ...log, start: { kind: "since", time: -1.5 } }],
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
    "getOutput",
    { ...output, jobId: "x".repeat(1e6) },
    `Invalid jobId "${"x".repeat(78)}…: ${UUID}`,
  ],
  [
    "getOutput",
    { ...output, offset: -1 },
    `Invalid offset -1: must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
  ],
  [
    "getOutput",
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
    `Invalid filter.labels ${
      JSON.stringify(labelsOf(65)).slice(0, 79)
    }…: must be at most 64 labels`,
  ],
  [
    "watchJobs",
    { filter: { statuses: ["done", "failed", "done"] } },
    'Invalid filter.statuses ["done","failed","done"]: must name each status once',
  ],
  [
    "startJob",
    { ...newJob, requestId: "x".repeat(129) },
    `Invalid requestId "${"x".repeat(78)}…: ${PLAIN(128)}`,
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
  const bad: readonly (readonly [JobMethod, unknown, RegExp])[] = [
    ["streamLogs", { ...log, start: { kind: "end" } }, /^Invalid start\.kind "end": /],
    ["streamLogs", { ...log, streams: ["stdin"] }, /^Invalid streams\.0 "stdin": .*"stdout"/],
    [
      "listJobs",
      { ...list, filter: { statuses: ["lost"] } },
      /^Invalid filter\.statuses\.0 "lost"/,
    ],
    ["startJob", { ...newJob, command: { ...TRUE, args: [1] } }, /^Invalid command\.args\.0 1: /],
    ["startJob", { ...newJob, command: null }, /^Invalid command null: /],
    ["getJob", null, /^Invalid request null: /],
    ["getJob", { jobId, command: {} }, /^Invalid request .*: Unrecognized key: "command"$/],
    ["startJob", { ...newJob, command: { ...TRUE, shell: 1 } }, /^Invalid command .*"shell"$/],
    ["pruneJobs", { dryRun: true, owner: "" }, /must say what to keep: maxAgeMs, maxCount or max/],
  ];
  for (const [method, request, message] of bad) {
    assert.throws(() => checkRequest(method, request), { code: "invalid_argument", message });
  }
});
