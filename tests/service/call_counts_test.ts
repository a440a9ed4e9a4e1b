import { JobWorkerError } from "../../lib/errors.ts";
import { Exposition } from "../../lib/metrics/exposition.ts";
import { CallCounts } from "../../lib/service/call_counts.ts";
import type { CallContext, JobService, LogBatch } from "../../lib/service/job_service.ts";
import { isStream, JOB_METHODS } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { parseExposition, valueOf } from "../metrics/exposition_text.ts";
import { callWhole, eachMethod, fakeService, WHOLE_ANSWERS, WHOLE_JOB } from "./samples.ts";

const CONTEXT: CallContext = {
  caller: { identity: { user: "alice", roles: ["admin"] }, fingerprint: "", peer: "" },
  signal: new AbortController().signal,
};

/** A series of what has been counted. */
function counted(counts: CallCounts, name: string, labels: Record<string, string> = {}): number {
  const exposition = new Exposition("host");
  counts.measure(exposition);
  return valueOf(parseExposition(exposition.text()), name, labels);
}

function ended(counts: CallCounts, method: string, code: string): number {
  return counted(counts, "job_worker_calls_total", { method, code });
}

Deno.test("CallCounts changes nothing about any method, and counts how each call ends", async () => {
  const counts = new CallCounts();
  const whole = counts.countedService(
    eachMethod((method) => Promise.resolve(WHOLE_ANSWERS[method])),
  );
  const denying = counts.countedService(eachMethod(() => {
    throw new JobWorkerError("permission_denied", "No");
  }));
  const faulty = counts.countedService(eachMethod(() => Promise.reject(new Error("Oh"))));
  for (const method of JOB_METHODS) {
    assert.deepEqual(await callWhole(whole, method, CONTEXT), WHOLE_ANSWERS[method]);
    await assert.rejects(callWhole(denying, method, CONTEXT), { code: "permission_denied" });
    await assert.rejects(callWhole(faulty, method, CONTEXT), /^Error: Oh$/);
    const codes = ["ok", "permission_denied", "internal", "cancelled"];
    assert.deepEqual(codes.map((code) => ended(counts, method, code)), [1, 1, 1, 0], method);
    assert.equal(counted(counts, "job_worker_calls_in_progress", { method }), 0, method);
  }
  assert.equal(counted(counts, "job_worker_start_duration_seconds_count"), 1);
  // Five bytes of a page, and three of a stream, which are not packed.
  assert.equal(counted(counts, "job_worker_log_read_bytes_total"), 8);
});

Deno.test("CallCounts counts a stream as open until it is left", async () => {
  const counts = new CallCounts();
  const service = counts.countedService(
    eachMethod((method) => Promise.resolve(WHOLE_ANSWERS[method])),
  );
  for (const method of JOB_METHODS.filter(isStream)) {
    const stream = service[method]({} as never, CONTEXT)[Symbol.asyncIterator]();
    await stream.next();
    assert.equal(counted(counts, "job_worker_calls_in_progress", { method }), 1);
    await stream.return?.();
    assert.equal(counted(counts, "job_worker_calls_in_progress", { method }), 0);
    assert.equal(ended(counts, method, "cancelled"), 1);
  }
});

Deno.test("CallCounts decodes no log, and takes no start for quick that only waits", async () => {
  const counts = new CallCounts();
  const batch: LogBatch = {
    packed: new Uint8Array(17),
    get records() {
      return assert.fail("Nobody has asked for them");
    },
    nextOffset: 0,
    finishedJob: null,
  };
  const queued = { ...WHOLE_JOB, end: null, liveStatus: "queued" } as const;
  const service: JobService = counts.countedService(fakeService({
    startJob: () => Promise.resolve(queued),
    async *streamLogs() {
      yield await Promise.resolve(batch);
    },
  }));
  assert.deepEqual(await callWhole(service, "startJob", CONTEXT), queued);
  for await (const answer of service.streamLogs({} as never, CONTEXT)) assert.equal(answer, batch);
  assert.equal(counted(counts, "job_worker_log_read_bytes_total"), 17);
  assert.equal(ended(counts, "startJob", "ok"), 1);
  assert.equal(counted(counts, "job_worker_start_duration_seconds_count"), 0);
  // By the hub of a fleet.
  await counts.start(() => Promise.resolve(WHOLE_JOB));
  assert.equal(ended(counts, "startJob", "ok"), 2);
  assert.equal(counted(counts, "job_worker_start_duration_seconds_count"), 1);
});
