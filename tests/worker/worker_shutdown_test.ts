import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { liveProcesses, rejection, TestWorker } from "./fixture.ts";

const LOOP = "while :; do sleep 0.01; done";

Deno.test("Worker.shutdown() without grace kills every job, and says why it ended", async () => {
  await using test = await TestWorker.open();
  const jobs = await Promise.all([
    test.sh("trap '' TERM; echo ready; sleep 1000 & wait"),
    test.sh("trap 'echo bye; exit 0' TERM; echo ready; sleep 1000 & wait"),
  ]);
  for (const { jobId } of jobs) await test.printed(jobId, "ready");
  await test.worker.shutdown({ gracePeriodMs: 0 });
  for (const { jobId } of jobs) {
    const { end } = await test.worker.get(jobId);
    assert.deepEqual([end?.status, end?.reason], ["cancelled", "shutdown"]);
    assert.deepEqual(end?.exitStatus, { signal: "SIGKILL" });
    assert.equal((await test.read(jobId)).stdout, "ready\n");
  }
  assert.deepEqual(await liveProcesses(jobs.map(({ pid }) => pid)), []);
});

Deno.test("Worker.shutdown() with grace lets jobs end themselves, and keeps what they say", async () => {
  await using test = await TestWorker.open();
  const listens = await test.sh(`trap 'echo bye; exit 3' TERM; echo ready; ${LOOP}`);
  const ignores = await test.sh(`trap '' TERM; echo ready; ${LOOP}`);
  for (const { jobId } of [listens, ignores]) await test.printed(jobId, "ready");
  await test.worker.shutdown({ gracePeriodMs: 300 });
  const { stdout, finishedJob } = await test.read(listens.jobId);
  assert.equal(stdout, "ready\nbye\n");
  assert.deepEqual(finishedJob.end?.exitStatus, { code: 3 });
  assert.equal(finishedJob.end.reason, "shutdown");
  const { end } = await test.worker.get(ignores.jobId);
  assert.deepEqual([end?.reason, end?.exitStatus], ["shutdown", { signal: "SIGKILL" }]);
});

Deno.test("Worker.shutdown() ends followers with the job, and waiters", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("echo ready; sleep 1000");
  const reading = test.read(job.jobId);
  const waiting = test.worker.wait(job.jobId);
  await test.printed(job.jobId, "ready");
  await test.worker.shutdown({ gracePeriodMs: 0 });
  assert.deepEqual((await reading).finishedJob, await waiting);
  assert.equal((await reading).stdout, "ready\n");
});

Deno.test("Worker.shutdown() leaves the outcome of a job that had ended alone", async () => {
  await using test = await TestWorker.open();
  const job = await test.ran("exit 3");
  await test.worker.shutdown({ gracePeriodMs: 0 });
  assert.deepEqual(await test.worker.get(job.jobId), job);
});

Deno.test("A shutdown that follows a stop hurries it, and leaves its reason", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh(`trap 'echo no' TERM; echo ready; ${LOOP}`);
  await test.printed(job.jobId, "ready");
  const stopping = test.worker.stop(job.jobId, { gracePeriodMs: 3_600_000 });
  await test.printed(job.jobId, "no");
  await test.worker.shutdown({ gracePeriodMs: 0 });
  const { end } = await stopping;
  assert.deepEqual([end?.reason, end?.exitStatus], ["stopped", { signal: "SIGKILL" }]);
});

Deno.test("A start that races a shutdown is refused, or ended by it", async () => {
  await using test = await TestWorker.open();
  const sleep = () => test.sh("echo on; exec sleep 1000");
  const before = await sleep();
  const starts = Array.from(
    { length: 40 },
    (_, index) =>
      new Promise((resolve) => setTimeout(resolve, index / 4)).then(() =>
        sleep().catch((error) => error)
      ),
  );
  await test.printed(before.jobId, "on");
  await test.worker.shutdown({ gracePeriodMs: 0 });
  for (const started of [before, ...await Promise.all(starts)]) {
    if (started instanceof JobWorkerError) assert.equal(started.code, "unavailable");
    else assert.equal((await test.worker.get(started.jobId)).end?.reason, "shutdown");
  }
  const recorded = (await test.worker.list({}, { limit: 100 })).map(({ jobId }) => jobId);
  const logs = await Array.fromAsync(Deno.readDir(`${test.directory}/logs`), ({ name }) => name);
  assert.deepEqual(logs.filter((jobId) => !recorded.includes(jobId)), []);
  assert.ok(logs.includes(before.jobId));
});

Deno.test("Disposing of a worker waits for the starts that are under way", async () => {
  for (let turns = 0; turns < 8; turns++) {
    const test = await TestWorker.open();
    await rejection(test.start({ name: "no-such-program" }));
    const starts = Array.from(
      { length: 10 },
      (_, index) =>
        test.start({ name: "sleep", args: ["1000"] }, { requestId: `${index % 8}` })
          .catch((error) => error),
    );
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    await test[Symbol.asyncDispose]();
    for (const started of [...await Promise.all(starts), await rejection(test.sh("exit 0"))]) {
      if (started instanceof Error) assert.match(String(started), /shutting down/);
      else assert.equal((await test.worker.get(started.jobId)).end?.reason, "shutdown");
    }
  }
});
