import { fc } from "../random.ts";
import { assert } from "../assert.ts";
import * as wire from "../../lib/grpc/wire.ts";
import { JOB_WORKER } from "../../lib/grpc/protocol.ts";
import {
  CONTAINMENTS,
  END_STATUSES,
  type Job,
  JOB_REASONS,
  JOB_STATUSES,
  LIVE_STATUSES,
  LOG_POLICIES,
  LOG_STREAMS,
  type LogStart,
} from "../../lib/job/types.ts";
import { FAILED_JOB, JOB } from "./fixture.ts";

const bytesOf = (...bytes: number[]) => new Uint8Array(bytes);

/** What the other side makes of a message. */
function overTheWire<Message>(
  method: {
    responseSerialize(message: Message): Uint8Array;
    responseDeserialize(bytes: never): Message;
  },
  message: Message,
): Message {
  return method.responseDeserialize(method.responseSerialize(message) as never);
}

Deno.test("writeJob() and readJob() keep every field but the request id", () => {
  const { GetJob } = JOB_WORKER;
  const finishedAt = 1_700_000_001_001;
  const end = { status: "failed", reason: "exited", exitStatus: { code: 0 }, finishedAt } as const;
  const exitStatuses = [{ code: 0 }, { code: 255 }, { signal: "SIGKILL" }, null];
  // The words themselves are the source, so that none can be forgotten.
  const jobs: Job[] = [
    JOB,
    { ...JOB, outputTruncated: true },
    // A null is not the same as a value that is not known.
    { ...JOB, usage: { cpuMs: 0, peakMemoryBytes: 0, oomKills: 0 } },
    { ...JOB, usage: { cpuMs: null, peakMemoryBytes: null, oomKills: null } },
    ...LIVE_STATUSES.map((liveStatus) => ({ ...JOB, liveStatus })),
    ...END_STATUSES.map((status) => ({ ...JOB, end: { ...end, status } })),
    ...JOB_REASONS.map((reason) => ({ ...JOB, end: { ...end, reason } })),
    ...exitStatuses.map((exitStatus) => ({ ...JOB, end: { ...end, exitStatus } })),
    ...CONTAINMENTS.map((containment) => ({ ...JOB, containment })),
    ...LOG_POLICIES.map((policy) => ({ ...JOB, logLimit: { ...JOB.logLimit, policy } })),
  ];
  for (const job of jobs) {
    const message = overTheWire(GetJob, wire.writeJob({ ...job, requestId: "not for others" }));
    assert.deepEqual(wire.readJob(message), job);
  }
});

Deno.test("writeLogBatch() and readLogBatch() keep bytes, times and offsets", () => {
  const { StreamLogs } = JOB_WORKER;
  fc.assert(fc.property(
    fc.array(fc.record({
      offset: fc.maxSafeNat(),
      time: fc.integer({ min: 0, max: 8_640_000_000_000 }),
      stream: fc.constantFrom(...LOG_STREAMS),
      data: fc.uint8Array({ maxLength: 50 }).map((bytes) => new Uint8Array(bytes)),
    }, { noNullPrototype: true })),
    fc.maxSafeNat(),
    fc.constantFrom(null, FAILED_JOB),
    (records, nextOffset, finishedJob) => {
      const batch = { records, nextOffset, finishedJob };
      const read = wire.readLogBatch(overTheWire(StreamLogs, wire.writeLogBatch(batch)));
      const plain = read.records.map((record) => ({ ...record, data: bytesOf(...record.data) }));
      assert.deepEqual({ ...read, records: plain }, batch);
    },
  ));
});

Deno.test("a gap and an end come over the wire as they were, and none as none", () => {
  const { StreamLogs, GetLogs } = JOB_WORKER;
  const plain = { nextOffset: 0, endOffset: 8, end: true, exitStatus: null };
  const page = { ...plain, stdout: bytesOf(), stderr: bytesOf() };
  const batch = { records: [], nextOffset: 0, finishedJob: null };
  for (const rest of [{}, { gap: { from: 0, to: 1 } }, { gap: { from: 7, to: 2 ** 50 } }]) {
    const output = overTheWire(GetLogs, wire.writeGetLogsResponse({ ...page, ...rest }));
    const { stdout: _, stderr: __, ...readPage } = wire.readGetLogsResponse(output);
    assert.deepEqual(readPage, { ...plain, ...rest });
    const logs = overTheWire(StreamLogs, wire.writeLogBatch({ ...batch, ...rest }));
    assert.deepEqual(wire.readLogBatch(logs), { ...batch, ...rest });
  }
  for (const endOffset of [0, 2 ** 50]) {
    const logs = overTheWire(StreamLogs, wire.writeLogBatch({ ...batch, endOffset }));
    assert.deepEqual(wire.readLogBatch(logs), { ...batch, endOffset });
  }
});

Deno.test("requests come over the wire as they were", () => {
  const request = <Message>(
    method: {
      requestSerialize(message: Message): Uint8Array;
      requestDeserialize(bytes: never): Message;
    },
    message: Message,
  ) => method.requestDeserialize(method.requestSerialize(message) as never);

  for (const gracePeriodMs of [null, 0, 1, 1500, 86_400_000, -5]) {
    const stop = { jobId: "a", stopSignal: "SIGINT", gracePeriodMs };
    const message = request(JOB_WORKER.StopJob, wire.writeStopJobRequest(stop));
    assert.deepEqual(wire.readStopJobRequest(message), stop);
  }
  for (const timeoutMs of [0, 1, 999, 1000, 315_360_000_000, -5]) {
    const limit = { jobId: "a", timeoutMs };
    const message = request(JOB_WORKER.UpdateJob, wire.writeUpdateJobRequest(limit));
    assert.deepEqual(wire.readUpdateJobRequest(message), limit);
  }
  const prunes = [{ maxAgeMs: 0 }, { maxCount: 0 }, { maxBytes: 0 }, {
    maxAgeMs: 1,
    maxCount: 2,
    maxBytes: 3,
  }];
  for (const bounds of prunes) {
    const prune = { ...bounds, dryRun: false, owner: "" };
    const message = request(JOB_WORKER.PruneJobs, wire.writePruneJobsRequest(prune));
    assert.deepEqual(wire.readPruneJobsRequest(message), prune);
  }
  const starts: LogStart[] = [
    { kind: "offset", offset: 0 },
    { kind: "offset", offset: Number.MAX_SAFE_INTEGER },
    { kind: "tail", lines: 0 },
    { kind: "since", time: 1_700_000_000_123 },
    { kind: "since", time: -1 },
  ];
  for (const start of starts) {
    const logs = { jobId: "a", streams: ["stderr" as const], follow: true, start };
    const message = request(JOB_WORKER.StreamLogs, wire.writeStreamLogsRequest(logs));
    assert.deepEqual(wire.readStreamLogsRequest(message), logs);
    const part = { ...logs, follow: false, endOffset: 0 };
    const partMessage = request(JOB_WORKER.StreamLogs, wire.writeStreamLogsRequest(part));
    assert.deepEqual(wire.readStreamLogsRequest(partMessage), part);
  }
  const filters = [
    {},
    { statuses: JOB_STATUSES },
    { owner: "alice", labels: { a: "b" }, jobIdPrefix: "0189" },
  ];
  for (const filter of filters) {
    const list = { filter, pageSize: 7, pageToken: "t" };
    const message = request(JOB_WORKER.ListJobs, wire.writeListJobsRequest(list));
    assert.deepEqual(wire.readListJobsRequest(message), list);
  }
  const output = { jobId: "a", streams: ["stdout" as const], offset: 2 ** 41, maxBytes: 9 };
  for (const page of [output, { ...output, endOffset: 0 }, { ...output, endOffset: 2 ** 42 }]) {
    const message = request(JOB_WORKER.GetLogs, wire.writeGetLogsRequest(page));
    assert.deepEqual(wire.readGetLogsRequest(message), page);
  }
});

Deno.test("readStreamLogsRequest() starts at the first byte if nothing is said", () => {
  const message = { jobId: "a", streams: [], follow: false, batchBytes: 0 };
  assert.deepEqual(wire.readStreamLogsRequest(message).start, { kind: "offset", offset: 0 });
});

Deno.test("requests with unknown enum values are refused with the name of the field", () => {
  const refuses = (call: () => unknown, message: RegExp) =>
    assert.throws(call, { code: "invalid_argument", message });
  const filter = wire.writeJobFilter({});
  refuses(
    () => wire.readJobFilter({ ...filter, statuses: ["JOB_STATUS_UNSPECIFIED"] }),
    /filter\.statuses: JOB_STATUS_UNSPECIFIED \(known: JOB_STATUS_QUEUED, /,
  );
  refuses(() => wire.readJobFilter({ ...filter, statuses: [99] }), /filter\.statuses: 99/);
  const output = { jobId: "", offset: 0, maxBytes: 0 };
  refuses(() => wire.readGetLogsRequest({ ...output, streams: [7] }), /streams: 7/);
  refuses(() => wire.readGetLogsRequest({ ...output, streams: [], offset: 2 ** 60 }), /offset/);
  const logs = { jobId: "", streams: [], follow: false, batchBytes: 0 };
  refuses(
    () =>
      wire.readStreamLogsRequest({ ...logs, start: "since", since: { seconds: 1e17, nanos: 0 } }),
    /since/,
  );
});

Deno.test("a time has less than a second of nanoseconds, and whole milliseconds that can be counted", () => {
  const timeOf = (seconds: number, nanos: number) =>
    wire.readUpdateJobRequest({ jobId: "", timeout: { seconds, nanos } }).timeoutMs;
  assert.equal(timeOf(1, 999_999_999), 1_999);
  assert.equal(timeOf(-1, -999_999_999), -1_999);
  assert.equal(timeOf(0, 999_999), 0);
  for (const nanos of [1_000_000_000, -1_000_000_000]) {
    assert.throws(() => timeOf(0, nanos), {
      code: "invalid_argument",
      message: `Invalid timeout.nanos ${nanos}: must be at most 999999999`,
    });
  }
  const most = Number.MAX_SAFE_INTEGER;
  assert.equal(timeOf(Math.trunc(most / 1000), (most % 1000) * 1e6), most);
  for (const seconds of [Math.ceil(most / 1000) + 1, -Math.ceil(most / 1000) - 1]) {
    assert.throws(() => timeOf(seconds, 0), { code: "invalid_argument", message: /timeout/ });
  }
});

Deno.test("an answer with words of a newer daemon is read, and says unknown for each", () => {
  const { GetJob, ListJobs, StreamLogs } = JOB_WORKER;
  const ended = wire.writeJob(FAILED_JOB);
  const newer = {
    ...ended,
    status: 42,
    reason: 43,
    containment: 44,
    logLimit: { bytes: 1, policy: 45 },
  };
  const { end, containment, logLimit, ...rest } = wire.readJob(overTheWire(GetJob, newer));
  assert.deepEqual(end, { ...FAILED_JOB.end, status: "unknown", reason: "unknown" });
  assert.deepEqual([containment, logLimit], ["unknown", { bytes: 1, policy: "unknown" }]);
  const { end: _, containment: __, logLimit: ___, ...same } = FAILED_JOB;
  assert.deepEqual(rest, same);

  // A job without an end is alive, whatever its status says.
  const waiting = { ...wire.writeJob(JOB), status: 42 };
  const list = { jobs: [waiting, ended], nextPageToken: "", counts: null };
  const { jobs } = wire.readListJobsResponse(overTheWire(ListJobs, list));
  assert.deepEqual(jobs, [{ ...JOB, liveStatus: "unknown" }, FAILED_JOB]);

  const record = { offset: 0, time: null, stream: 46, data: bytesOf(1) };
  const batch = { records: [record], nextOffset: 1, gap: null, finishedJob: null };
  const { records } = wire.readLogBatch(overTheWire(StreamLogs, batch));
  assert.deepEqual(records.map(({ stream }) => stream), ["unknown"]);
});

Deno.test("a job that waits, and one that never ran, are read as they were written", () => {
  const queue = { position: 3, length: 7, reason: "all are taken" };
  const never = { requestId: "", pid: 0, queuedAt: 1_234_567, startedAt: null } as const;
  const waiting: Job = { ...JOB, ...never, queue, liveStatus: "queued", end: null };
  assert.deepEqual(wire.readJob(wire.writeJob(waiting)), waiting);
  const end = { ...FAILED_JOB.end, reason: "start_failed", exitStatus: null } as Job["end"];
  const failed: Job = { ...FAILED_JOB, ...never, end };
  assert.deepEqual(wire.readJob(wire.writeJob(failed)), failed);
});

Deno.test("an unknown word is sent on as UNSPECIFIED", () => {
  assert.ok(FAILED_JOB.end);
  const job: Job = {
    ...FAILED_JOB,
    end: { ...FAILED_JOB.end, status: "unknown", reason: "unknown" },
    containment: "unknown",
    logLimit: { bytes: 1, policy: "unknown" },
  };
  const message = wire.writeJob(job);
  assert.deepEqual(
    [message.status, message.reason, message.containment, message.logLimit?.policy],
    [
      "JOB_STATUS_UNSPECIFIED",
      "JOB_REASON_UNSPECIFIED",
      "CONTAINMENT_UNSPECIFIED",
      "LOG_POLICY_UNSPECIFIED",
    ],
  );
  assert.deepEqual(wire.readJob(overTheWire(JOB_WORKER.GetJob, message)), job);
  assert.equal(wire.writeJob({ ...JOB, liveStatus: "unknown" }).status, "JOB_STATUS_UNSPECIFIED");
});
