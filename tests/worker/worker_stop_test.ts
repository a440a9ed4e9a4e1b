import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import {
  killEscaped,
  liveProcesses,
  processStat,
  rejection,
  TestWorker,
  until,
} from "./fixture.ts";

/** Waits until a process is in a state of proc_pid_stat(5). */
async function inState(pid: number, state: string): Promise<void> {
  await until(async () => (await processStat(pid))?.state === state);
}

/** Waits until a process is gone. */
async function gone(pid: number): Promise<void> {
  await until(async () => await processStat(pid) === null);
}

Deno.test("Worker.stop() kills the whole process group", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("sleep 1000 & (sleep 1000 & sleep 1000) & echo ready; wait");
  await test.printed(job.jobId, "ready");
  const stopped = await test.worker.stop(job.jobId);
  assert.equal(stopped.end?.status, "cancelled");
  assert.equal(stopped.end.reason, "stopped");
  assert.deepEqual(stopped.end.exitStatus, { signal: "SIGTERM" });
  assert.deepEqual(await liveProcesses([job.pid]), []);
  assert.deepEqual(await test.worker.get(job.jobId), stopped);
});

Deno.test("Worker.stop() reaches the groups that a job-control shell has made", async () => {
  await using test = await TestWorker.open();
  const script = "set -m; sleep 1000 & (trap '' TERM; exec sleep 1000) & echo ready; wait";
  const job = await test.start({ name: "bash", args: ["-c", script] });
  await test.printed(job.jobId, "ready");
  await test.worker.stop(job.jobId, { gracePeriodMs: 100 });
  assert.deepEqual(await liveProcesses([job.pid]), []);
});

Deno.test("Worker.stop() sends SIGKILL when the grace is over", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("trap 'echo no' TERM; echo ready; while :; do sleep 0.01; done");
  await test.printed(job.jobId, "ready");
  const { end } = await test.worker.stop(job.jobId, { gracePeriodMs: 300 });
  assert.deepEqual(end?.exitStatus, { signal: "SIGKILL" });
  assert.equal(end.status, "cancelled");
  // The exit status shows one of the two signals.
  assert.equal(end.detail, "SIGTERM did not end it within 300ms, SIGKILL did");
  assert.equal((await test.read(job.jobId)).stdout, "ready\nno\n");
});

Deno.test("Worker.stop() prefers the grace that it is given, even none, to that of the job", async () => {
  await using test = await TestWorker.open();
  const command = { name: "sh", args: ["-c", "trap '' TERM; echo on; while :; do sleep 1; done"] };
  const job = await test.start(command, { execution: { gracePeriodMs: 1_000 } });
  await test.printed(job.jobId, "on");
  const { end } = await test.worker.stop(job.jobId, { gracePeriodMs: 0 });
  // With a grace, the job would say that it took one.
  assert.deepEqual([end?.exitStatus, end?.detail], [{ signal: "SIGKILL" }, undefined]);
});

Deno.test("Worker.stop() lets a job print and choose its code", async () => {
  await using test = await TestWorker.open();
  const script =
    "trap 'echo bye; echo late >&2; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
  const job = await test.sh(script);
  await test.printed(job.jobId, "ready");
  const { end } = await test.worker.stop(job.jobId);
  assert.deepEqual(end?.exitStatus, { code: 7 });
  assert.deepEqual([end.status, end.reason, end.detail], ["cancelled", "stopped", undefined]);
  const { stdout, stderr } = await test.read(job.jobId);
  assert.equal(stdout, "ready\nbye\n");
  // Some shells also tell of the sleep that had the signal.
  assert.match(stderr, /late\n$/);
});

Deno.test("Worker.stop() wakes a job that is suspended, so that it can end itself", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh(
    "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done",
  );
  await test.printed(job.jobId, "ready");
  Deno.kill(job.pid, "SIGSTOP");
  await inState(job.pid, "T");
  const { end } = await test.worker.stop(job.jobId);
  assert.deepEqual(end?.exitStatus, { code: 0 });
  assert.equal((await test.read(job.jobId)).stdout, "ready\nbye\n");
});

Deno.test("Worker.stop() sends the signal that it is asked for", async () => {
  await using test = await TestWorker.open();
  for (const stopSignal of ["SIGINT", "usr1", "10", "34"]) {
    const script = "trap 'exit 3' INT USR1 34; echo ready; while :; do sleep 0.01; done";
    const job = await test.start({ name: "bash", args: ["-c", script] });
    await test.printed(job.jobId, "ready");
    const { end } = await test.worker.stop(job.jobId, { stopSignal });
    assert.deepEqual(end?.exitStatus, { code: 3 }, stopSignal);
  }
});

Deno.test("A job is not stopped before everything that it started is gone", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh(
    "(trap '' TERM; echo ready; exec sleep 1000) & trap 'exit 0' TERM; wait",
  );
  await test.printed(job.jobId, "ready");
  const stopping = test.worker.stop(job.jobId, { gracePeriodMs: 3_600_000 });
  await gone(job.pid);
  assert.equal((await test.worker.get(job.jobId)).end, null);
  const harsher = test.worker.stop(job.jobId, { stopSignal: "KILL" });
  assert.deepEqual(await harsher, await stopping);
  assert.deepEqual((await stopping).end?.exitStatus, { code: 0 });
  assert.deepEqual(await liveProcesses([job.pid]), []);
});

Deno.test("The processes that a stopped job has started get the whole grace, whatever its leader does", async () => {
  await using test = await TestWorker.open();
  const child =
    "trap 'sleep 2.5; echo slow bye; exit' TERM; echo ready; while :; do sleep 0.01; done";
  const job = await test.sh(`(${child}) & trap 'exit 0' TERM; wait`);
  await test.printed(job.jobId, "ready");
  await test.worker.stop(job.jobId, { gracePeriodMs: 3_600_000 });
  assert.equal((await test.read(job.jobId)).stdout, "ready\nslow bye\n");
});

Deno.test("Fifty stops at once all succeed, and one signal is sent", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("trap 'echo term' TERM; echo ready; while :; do sleep 0.01; done");
  await test.printed(job.jobId, "ready");
  const stops = Array.from(
    { length: 50 },
    () => test.worker.stop(job.jobId, { gracePeriodMs: 300 }),
  );
  const [first, ...others] = await Promise.all(stops);
  for (const other of others) assert.deepEqual(other, first);
  assert.equal((await test.read(job.jobId)).stdout, "ready\nterm\n");
});

Deno.test("A process group of its own within the session gets one signal, too", async () => {
  await using test = await TestWorker.open();
  const child = "trap 'echo term' TERM; echo ready; while :; do sleep 0.01; done";
  const script = `set -m; (${child}) & trap 'exit 0' TERM; wait`;
  const job = await test.start({ name: "bash", args: ["-c", script] });
  await test.printed(job.jobId, "ready");
  await test.worker.stop(job.jobId, { gracePeriodMs: 500 });
  assert.equal((await test.read(job.jobId)).stdout, "ready\nterm\n");
});

Deno.test("Groups that are made while a session is killed are killed, too", async () => {
  await using test = await TestWorker.open();
  const maker = "trap '' TERM; set -m; while :; do sleep 1000 & sleep 0.005; done";
  const script = 'set -m; bash -c "$0" & echo ready; wait';
  const job = await test.start({ name: "bash", args: ["-c", script, maker] });
  await test.printed(job.jobId, "ready");
  await test.worker.stop(job.jobId, { gracePeriodMs: 50 });
  assert.deepEqual(await liveProcesses([job.pid]), []);
});

for (const cgroups of [true, false]) {
  const how = cgroups ? "with cgroups where there are some" : "without cgroups";
  Deno.test(`What a job-control shell leaves in the background ends with its job, ${how}`, async () => {
    await using test = await TestWorker.open({ cgroups });
    const polite = "trap 'echo term; exit' TERM; echo ready; while :; do sleep 0.01; done";
    const script = `set -m; (${polite}) & (trap '' TERM; exec sleep 1000) & exit 3`;
    const { jobId } = await test.start({ name: "bash", args: ["-c", script] });
    const { end } = await test.worker.wait(jobId);
    assert.deepEqual([end?.reason, end?.exitStatus], ["exited", { code: 3 }]);
    // One that was signalled before it had a trap says nothing.
    assert.match((await test.read(jobId)).stdout, /^(ready\n)?(term\n)?$/);
  });
}

Deno.test("Worker.stop() refuses a job that has ended, does not exist, or a bad request", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.ran("exit 1");
  const refusal = async (...args: Parameters<typeof test.worker.stop>) => {
    const error = await rejection(test.worker.stop(...args));
    assert.ok(error instanceof JobWorkerError);
    return [error.code, error.message];
  };
  assert.deepEqual(await refusal(jobId), [
    "failed_precondition",
    `Cannot stop job "${jobId}": it has already ended (failed)`,
  ]);
  assert.deepEqual(await refusal("nope"), ["not_found", 'No job "nope"']);
  for (const gracePeriodMs of [-1, NaN, Infinity]) {
    const [code, message] = await refusal(jobId, { gracePeriodMs });
    assert.equal(code, "invalid_argument");
    assert.match(message ?? "", new RegExp(`grace period "${gracePeriodMs} ms"`));
  }
  const [code, message] = await refusal(jobId, { stopSignal: "SIGNOPE" });
  assert.equal(code, "invalid_argument");
  assert.match(message ?? "", /"SIGNOPE"/);
});

// A timer that is left to kill what has another owner by then would be reported as a leak.
Deno.test("Worker.stop() of a job whose last bytes are awaited signals nobody later", async () => {
  await using test = await TestWorker.open({ cgroups: false });
  const job = await test.shWithEscaped("exec sleep 1000");
  await gone(job.pid);
  const stopped = await test.worker.stop(job.jobId).catch((error) => error);
  // On a slow machine that may have had an end already.
  if (stopped instanceof JobWorkerError) assert.equal(stopped.code, "failed_precondition");
  else assert.equal(stopped.end?.status, "done");
  assert.equal((await test.worker.wait(job.jobId)).end?.status, "done");
  await killEscaped((await test.read(job.jobId)).stdout);
});

Deno.test("A stop that races the end leaves one outcome", async () => {
  await using test = await TestWorker.open();
  const races = Array.from({ length: 300 }, async (_, index) => {
    const job = await test.start({ name: "sleep", args: [String((index % 20) / 20)] });
    for (let turns = index % 8; turns > 0; turns--) await new Promise((r) => setTimeout(r, 0));
    const stopped = await test.worker.stop(job.jobId).catch((error) => error);
    const ended = await test.worker.wait(job.jobId);
    if (stopped instanceof JobWorkerError) assert.equal(stopped.code, "failed_precondition");
    else assert.deepEqual(stopped, ended);
    assert.deepEqual(await test.worker.get(job.jobId), ended);
    assert.ok(ended.end?.status === "cancelled" || ended.end?.status === "done");
    assert.equal(ended.end.status === "cancelled", ended.end.reason === "stopped");
    return ended.end.status;
  });
  const outcomes = new Set(await Promise.all(races));
  assert.ok(outcomes.has("cancelled"), "Some stops came in time");
});

Deno.test("A stop that races the start ends the job, whatever had begun by then", async () => {
  await using test = await TestWorker.open();
  const sessions: number[] = [];
  const races = Array.from({ length: 300 }, async (_, index) => {
    const job = await test.start({ name: "sh", args: ["-c", "sleep 1000 & sleep 1000"] });
    sessions.push(job.pid);
    const stopSignal = index % 2 === 0 ? "SIGTERM" : "SIGKILL";
    const options = { stopSignal, gracePeriodMs: 3_600_000 };
    const { end } = await soon(test.worker.stop(job.jobId, options), () => `the end of ${job.pid}`);
    assert.deepEqual([end?.status, end?.reason], ["cancelled", "stopped"]);
    assert.deepEqual(end?.exitStatus, { signal: stopSignal });
  });
  await Promise.all(races);
  assert.deepEqual(await liveProcesses(sessions), []);
});

Deno.test("A stop in the first millisecond waits for the group that it is to signal", async () => {
  await using test = await TestWorker.open();
  for (let count = 0; count < 50; count++) {
    const { jobId } = await test.start({ name: "sleep", args: ["1000"] });
    const stopping = test.worker.stop(jobId, { gracePeriodMs: 3_600_000 });
    const { end } = await soon(stopping, () => `the end of job ${jobId}`);
    assert.deepEqual(end?.exitStatus, { signal: "SIGTERM" });
  }
});

Deno.test("A job that its watcher stops as soon as it hears of it never runs on", async () => {
  await using test = await TestWorker.open();
  const controller = new AbortController();
  const stopped: Promise<unknown>[] = [];
  const watching = (async () => {
    for await (const { jobId, end } of test.worker.watch({}, controller.signal)) {
      if (end === null) stopped.push(test.worker.stop(jobId, { stopSignal: "KILL" }));
    }
  })();
  const jobs = await Promise.all(
    Array.from({ length: 50 }, () => test.start({ name: "sleep", args: ["1000"] })),
  );
  for (const { jobId } of jobs) {
    assert.equal((await test.worker.wait(jobId)).end?.status, "cancelled");
  }
  controller.abort();
  await rejection(watching);
  await Promise.all(stopped);
});
