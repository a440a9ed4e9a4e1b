import { decodeJob } from "../../lib/job/decode_job.ts";
import type { Job } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { WHOLE_JOB, WHOLE_RUNNING_JOB } from "../service/samples.ts";

/** As it is recorded: neither its place in the queue is, nor what only a hub knows. */
const { host: _host, on: _on, asOf: _asOf, ...RECORDED } = WHOLE_JOB;
const WHOLE = { ...RECORDED, queue: null };

Deno.test("decodeJob() reads what was written, to the last field", () => {
  for (const job of [WHOLE_JOB, WHOLE_RUNNING_JOB]) {
    const { host: _, on: __, asOf: ___, ...recorded } = job;
    assert.deepEqual(decodeJob(JSON.stringify(job)), { ...recorded, queue: null });
  }
});

Deno.test("decodeJob() gives a record of an older daemon what it lacks", () => {
  const { queuedAt: _1, queue: _2, ...before } = RECORDED;
  const { execution: _, containment: __, usage: ___, liveStatus: ____, ...first } = before;
  const job: Job = decodeJob(JSON.stringify(first));
  assert.deepEqual(job, {
    ...first,
    execution: {
      user: "",
      umask: "",
      nice: 0,
      timeoutMs: 0,
      gracePeriodMs: 10_000,
      limits: {},
      hasInput: false,
    },
    containment: "process_group",
    usage: null,
    liveStatus: "running",
    queuedAt: null,
    queue: null,
  });
  const { outputTruncated, ...renamed } = WHOLE;
  for (const outputCut of [outputTruncated, !outputTruncated]) {
    const decoded = decodeJob(JSON.stringify({ ...renamed, outputCut }));
    assert.deepEqual(decoded, { ...WHOLE, outputTruncated: outputCut });
  }
  const { umask: _____, ...execution } = WHOLE_JOB.execution;
  const partly = decodeJob(JSON.stringify({ ...WHOLE_JOB, execution }));
  assert.deepEqual(partly, { ...WHOLE, execution: { ...execution, umask: "" } });
});

Deno.test("decodeJob() reads a record of a newer daemon as far as it knows the words", () => {
  const newer = {
    ...WHOLE_JOB,
    place: 3,
    containment: "vm",
    logLimit: { ...WHOLE_JOB.logLimit, policy: "compress" },
    end: { ...WHOLE_JOB.end, status: "skipped", reason: "constructor" },
  };
  assert.deepEqual(decodeJob(JSON.stringify(newer)), {
    ...WHOLE,
    containment: "unknown",
    logLimit: { ...WHOLE_JOB.logLimit, policy: "unknown" },
    end: { ...WHOLE_JOB.end, status: "unknown", reason: "unknown" },
  });
  const paused = decodeJob(JSON.stringify({ ...WHOLE_RUNNING_JOB, liveStatus: "paused" }));
  assert.deepEqual([paused.liveStatus, paused.end], ["unknown", null]);
});
