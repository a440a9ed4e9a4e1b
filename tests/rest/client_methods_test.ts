/** The methods of `JobService` by the client of REST, and the API in front of a service that says something. */

import { RestClient } from "../../lib/rest/client.ts";
import type { CallContext, LogBatch, LogGap, LogRecord } from "../../lib/service/job_service.ts";
import { JOB_METHODS, type JobMethod, type Method, METHODS } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { callWhole, eachMethod, WHOLE_ANSWERS, WHOLE_REQUESTS } from "../service/samples.ts";
import { ALICE, JOB_ID, TestRest } from "./fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** The methods that REST lacks, each with the reason. */
const NOT_OVER_REST = {
  runJobs: "who has their turn when is for the client to say, as worker-cli does",
  stopJobs: "goes with it",
} as const satisfies Readonly<Partial<Record<JobMethod, string>>>;

function isOverRest(method: JobMethod): method is Exclude<JobMethod, keyof typeof NOT_OVER_REST> {
  return !(method in NOT_OVER_REST);
}

function isMissing({ rest }: Method): boolean {
  return rest.length === 0;
}

/** A service that answers in full, and notes what it was asked. */
function noting(note: (method: JobMethod, request: object, context: CallContext) => void) {
  return eachMethod((method, request, context) => {
    note(method, request as object, context);
    // Its first batch comes at once, and is empty.
    const opening = method === "streamAudit" ? [{ records: [], position: "" }] : [];
    const answer = WHOLE_ANSWERS[method];
    return Promise.resolve(Array.isArray(answer) ? [...opening, ...answer] : answer);
  });
}

/** A value with plain bytes in it, and without the id of a request, which is told to nobody. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name !== "requestId");
  return Object.fromEntries(entries.map(([name, inner]) => [name, plain(inner)]));
}

/** What batches say together: over REST, each has one record. */
function told(batches: readonly LogBatch[]) {
  const records: LogRecord[] = [];
  const gaps: LogGap[] = [];
  for (const { records: some, gap } of batches) {
    records.push(...some);
    if (gap !== undefined) gaps.push(gap);
  }
  const { nextOffset, finishedJob } = batches.at(-1) ?? {};
  return { records, gaps, nextOffset, finishedJob };
}

Deno.test("REST has every method of JobService", () => {
  const missing = JOB_METHODS.filter((method) => isMissing(METHODS[method]));
  assert.deepEqual(missing, Object.keys(NOT_OVER_REST));
});

Deno.test("RestClient passes the request and answer of every method on as they are", async () => {
  const received: Record<string, unknown> = {};
  const callers = new Set<string>();
  await using rest = await TestRest.listen(
    certificates,
    noting((method, request, { caller }) => {
      received[method] = plain(request);
      callers.add(caller.identity.user);
    }),
  );
  using client = new RestClient({
    address: `localhost:${rest.port}`,
    ca: certificates.ca.cert,
    credentials: { user: "alice", password: "secret" },
  });
  const { endOffset: _end, batchBytes: _size, ...streamLogs } = WHOLE_REQUESTS.streamLogs;
  for (const method of JOB_METHODS) {
    if (!isOverRest(method)) continue;
    if (method === "streamLogs") {
      const batches = await Array.fromAsync(client.streamLogs(streamLogs));
      assert.deepEqual(plain(told(batches)), plain(told(WHOLE_ANSWERS.streamLogs)));
    } else if (method === "listJobs") {
      const request = { ...WHOLE_REQUESTS.listJobs, pageToken: JOB_ID };
      assert.deepEqual(plain(await client.listJobs(request)), plain(WHOLE_ANSWERS.listJobs));
    } else {
      const answer = await callWhole(client, method, {});
      assert.deepEqual(plain(answer), plain(WHOLE_ANSWERS[method]), method);
    }
  }
  const { runJobs: _run, stopJobs: _stop, ...requests } = WHOLE_REQUESTS;
  assert.deepEqual(
    received,
    plain({
      ...requests,
      // Both streams, in the order of REST.
      streamLogs: { ...streamLogs, streams: [] },
      listJobs: { ...WHOLE_REQUESTS.listJobs, pageToken: JOB_ID },
    }),
  );
  assert.deepEqual([...callers], [ALICE.user]);
});

Deno.test("RestClient leaves out what is not asked for, and gives each start an id", async () => {
  const received: [JobMethod, Record<string, unknown>][] = [];
  await using rest = await TestRest.listen(
    certificates,
    noting((method, request) => received.push([method, { ...request }])),
  );
  using client = new RestClient({
    address: `localhost:${rest.port}`,
    ca: certificates.ca.cert,
    credentials: { user: "alice", password: "secret" },
  });
  await client.startJob({ command: { name: "ls" } });
  await client.stopJob({ jobId: JOB_ID });
  await client.listJobs();
  await client.getLogs({ jobId: JOB_ID });
  await Array.fromAsync(client.streamLogs({ jobId: JOB_ID, start: { kind: "since", time: 5 } }));
  await client.pruneJobs({ maxCount: 1 });
  await Array.fromAsync(client.streamAudit());
  await client.listHosts();
  const { requestId } = received[0]?.[1] ?? {};
  assert.match(String(requestId), /^[0-9a-f-]{36}$/);
  assert.deepEqual(received, [
    ["startJob", {
      command: { name: "ls", args: [], env: {}, workingDirectory: "" },
      labels: {},
      requestId,
    }],
    ["stopJob", { jobId: JOB_ID, stopSignal: "", gracePeriodMs: null }],
    ["listJobs", { filter: {}, pageSize: 100, pageToken: "" }],
    ["getLogs", { jobId: JOB_ID, streams: [], offset: 0, maxBytes: 0 }],
    ["streamLogs", {
      jobId: JOB_ID,
      streams: [],
      follow: false,
      start: { kind: "since", time: 5 },
    }],
    ["pruneJobs", { maxCount: 1, dryRun: false, owner: "" }],
    ["streamAudit", {
      user: "",
      jobIdPrefix: "",
      method: "",
      deniedOnly: false,
      follow: false,
      position: "",
    }],
    ["listHosts", {}],
  ]);
});
