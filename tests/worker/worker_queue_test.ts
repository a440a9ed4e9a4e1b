import { userInfo } from "node:os";
import { JobWorkerError } from "../../lib/errors.ts";
import { MemoryStore } from "../../lib/worker/memory_store.ts";
import { type Job, type StartOptions, statusOf, Worker } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { BOTH, temporaryDirectory, TestWorker } from "./fixture.ts";

const SLEEP = { name: "sleep", args: ["1000"] };
const ONE_EACH = { maxRunning: 2, maxRunningPerUser: 1 };

function queue(test: TestWorker, script = "sleep 1000", options: Partial<StartOptions> = {}) {
  return test.start({ name: "sh", args: ["-c", script] }, { queue: true, ...options });
}

async function statusesOf(worker: Worker, jobs: readonly Job[]): Promise<string[]> {
  return await Promise.all(jobs.map(async ({ jobId }) => statusOf(await worker.get(jobId))));
}

/** Waits until a job runs. */
async function running({ worker }: TestWorker, { jobId }: Job): Promise<Job> {
  const watching = worker.watch(
    { jobIdPrefix: jobId, statuses: ["running"] },
    new AbortController().signal,
  );
  const { value } = await soon(watching.next(), () => `that job ${jobId} runs`);
  await watching.return(undefined as never);
  return value;
}

Deno.test("A job that may wait starts at once if there is a slot, else when there is one", async () => {
  await using test = await TestWorker.open(ONE_EACH);
  const first = await queue(test);
  assert.deepEqual([statusOf(first), first.queuedAt, first.queue], ["running", null, null]);
  const before = Date.now();
  const second = await queue(test, "echo $JOB_ID");
  const { jobId } = second;
  assert.equal(statusOf(second), "queued");
  assert.deepEqual([second.pid, second.startedAt, second.end], [0, null, null]);
  assert.ok(second.queuedAt !== null && second.queuedAt >= before && second.queuedAt <= Date.now());
  const reason = `1 of 1 jobs of user "alice" are running (the daemon's --max-running-per-user)`;
  assert.deepEqual(second.queue, { position: 1, length: 1, reason });
  assert.deepEqual(await test.worker.get(jobId), second);
  assert.deepEqual(await test.worker.list({ statuses: ["queued"] }, { limit: 10 }), [second]);
  // One that may not wait is told that it could.
  await assert.rejects(test.start(SLEEP), { code: "resource_exhausted", message: /--queue/ });

  const ended = test.worker.wait(jobId);
  const log = test.read(jobId);
  await test.worker.stop(first.jobId);
  const { end, queuedAt, startedAt, queue: place } = await soon(ended, () => "its end");
  assert.deepEqual([end?.status, end?.exitStatus, place], ["done", { code: 0 }, null]);
  assert.ok(startedAt !== null && queuedAt === second.queuedAt && startedAt >= queuedAt);
  assert.equal((await log).stdout, `${jobId}\n`);
});

Deno.test("Queued jobs run in their order, owners in turn", async () => {
  await using test = await TestWorker.open({ maxRunning: 1 });
  const first = await test.start(SLEEP);
  const note = `${test.directory}/order`;
  const owners = ["alice", "alice", "alice", "bob", "carol", "bob"];
  const jobs = await Promise.all(
    owners.map((owner, index) => queue(test, `echo ${owner} ${index} >> ${note}`, { owner })),
  );
  assert.deepEqual(await statusesOf(test.worker, jobs), Array(6).fill("queued"));
  const places = await Promise.all(jobs.map(({ jobId }) => test.worker.get(jobId)));
  assert.deepEqual(places.map(({ queue }) => queue?.position), [1, 4, 6, 2, 3, 5]);
  await test.worker.stop(first.jobId);
  await Promise.all(jobs.map(({ jobId }) => soon(test.worker.wait(jobId), () => "an end")));
  const order = "alice 0, bob 3, carol 4, alice 1, bob 5, alice 2";
  assert.equal((await Deno.readTextFile(note)).trim().replaceAll("\n", ", "), order);
});

Deno.test("Worker.stop() takes a job out of the queue, and whoever waits for it is told", async () => {
  await using test = await TestWorker.open(ONE_EACH);
  const first = await test.start(SLEEP);
  const second = await queue(test);
  const third = await queue(test, "exit 0");
  const log = test.read(second.jobId);
  const waited = test.worker.wait(second.jobId);
  const stopped = await test.worker.stop(second.jobId);
  const { status, reason, exitStatus } = stopped.end ?? {};
  assert.deepEqual([status, reason, exitStatus], ["cancelled", "stopped", null]);
  assert.deepEqual([stopped.pid, stopped.startedAt, stopped.queue], [0, null, null]);
  assert.deepEqual(await soon(waited, () => "its end"), stopped);
  assert.deepEqual((await log).finishedJob, stopped);
  assert.deepEqual(await test.worker.get(second.jobId), stopped);
  await assert.rejects(test.worker.stop(second.jobId), {
    code: "failed_precondition",
    message: `Cannot stop job "${second.jobId}": it has already ended (cancelled)`,
  });
  await test.worker.stop(first.jobId);
  assert.equal((await soon(test.worker.wait(third.jobId), () => "its end")).end?.status, "done");
});

Deno.test("A queued job takes no signal and no input, has no output yet, and another time limit if it shall", async () => {
  await using test = await TestWorker.open(ONE_EACH);
  const first = await test.start(SLEEP);
  const { jobId } = await queue(test, "sleep 1000", { execution: { hasInput: true } });
  const why = "it is queued, and has no process yet; a stop takes it out of the queue";
  await assert.rejects(test.worker.signal(jobId, "HUP"), {
    code: "failed_precondition",
    message: `Cannot signal job "${jobId}": ${why}`,
  });
  await assert.rejects(test.worker.writeInput(jobId, 0, new Uint8Array(1)), {
    code: "failed_precondition",
    message: `Cannot write to job "${jobId}": ${why}`,
  });
  const log = (offset: number) =>
    Array.fromAsync(
      test.worker.readLog(jobId, {
        ...{ streams: BOTH, follow: false },
        start: { kind: "offset", offset },
      }),
    );
  assert.deepEqual(await log(0), [{ records: [], nextOffset: 0, endOffset: 0, finishedJob: null }]);
  await assert.rejects(log(1), { code: "out_of_range" });
  await assert.rejects(test.worker.update(jobId, -1), { code: "invalid_argument" });
  const updated = await test.worker.update(jobId, 50);
  assert.deepEqual([updated.execution.timeoutMs, updated.queue?.position], [50, 1]);
  const { count } = await test.worker.prune({ retention: { maxCount: 0 } });
  assert.equal(count, 0);
  await test.worker.stop(first.jobId);
  // It counts from its start.
  assert.equal((await soon(test.worker.wait(jobId), () => "its end")).end?.reason, "timeout");
});

Deno.test("Worker.watch() tells of a job when it is queued, when it runs, and when it has ended", async () => {
  await using test = await TestWorker.open(ONE_EACH);
  const first = await test.start(SLEEP);
  const abort = new AbortController();
  const seen: string[] = [];
  const ended = Promise.withResolvers<void>();
  const watching = (async () => {
    for await (const job of test.worker.watch({ labels: { a: "b" } }, abort.signal)) {
      seen.push(statusOf(job));
      if (seen.length === 1) await test.worker.stop(first.jobId);
      if (seen.length === 2) await test.worker.stop(job.jobId);
      if (job.end !== null) ended.resolve();
    }
  })().catch(() => {});
  await queue(test, "sleep 1000", { labels: { a: "b" } });
  await soon(ended.promise, () => `an end after ${seen}`);
  abort.abort();
  await watching;
  assert.deepEqual(seen, ["queued", "running", "cancelled"]);
});

Deno.test("What could not run now is not queued, and a request that is repeated is queued once", async () => {
  await using test = await TestWorker.open({ ...ONE_EACH, maxQueued: 1 });
  const first = await test.start(SLEEP);
  const start = (options: Partial<StartOptions>) =>
    test.start({ name: "no-such-program" }, { queue: true, ...options });
  await assert.rejects(start({}), { code: "failed_precondition", reason: "ENOENT" });
  await assert.rejects(start({ command: { name: "" } }), { code: "invalid_argument" });
  const confirm = () => Promise.reject(new JobWorkerError("unavailable", "Not confirmed"));
  await assert.rejects(queue(test, "exit 0", { confirm }), { code: "unavailable" });
  assert.equal((await test.worker.list({}, { limit: 9 })).length, 1);
  const [one, two] = await Promise.all([1, 2].map(() => queue(test, "exit 0", { requestId: "r" })));
  assert.equal(one?.jobId, two?.jobId);
  await assert.rejects(queue(test), { code: "resource_exhausted", message: /--max-queued\)/ });
  await test.worker.stop(first.jobId);
  const { end } = await soon(test.worker.wait(one?.jobId ?? ""), () => "its end");
  assert.equal(end?.status, "done");
});

Deno.test("A queued job that cannot start when its turn comes has failed, says why, and the next one runs", async () => {
  await using test = await TestWorker.open(ONE_EACH);
  const first = await test.start(SLEEP);
  const program = `${test.directory}/program`;
  await Deno.writeTextFile(program, "#!/bin/sh\n", { mode: 0o755 });
  const gone = await test.start({ name: program }, { queue: true });
  const next = await queue(test, "exit 0");
  await Deno.remove(program);
  const log = test.read(gone.jobId);
  await test.worker.stop(first.jobId);
  const { end, startedAt } = await soon(test.worker.wait(gone.jobId), () => "its end");
  const { status, reason, exitStatus, detail } = end ?? {};
  assert.deepEqual([status, reason, exitStatus], ["failed", "start_failed", null]);
  assert.match(detail ?? "", new RegExp(program));
  assert.equal(startedAt, null);
  assert.deepEqual((await log).finishedJob.end, end);
  assert.equal((await soon(test.worker.wait(next.jobId), () => "its end")).end?.status, "done");
});

/** A store whose disk is full, as long as it is told so. */
class FullStore extends MemoryStore {
  isFull = false;

  override put(job: Job): Promise<void> {
    if (!this.isFull) return super.put(job);
    return Promise.reject(new JobWorkerError("unavailable", "Disk full"));
  }
}

Deno.test("A queued job whose start cannot be recorded runs once that is possible, and can be stopped until then", async () => {
  const store = new FullStore();
  await using test = await TestWorker.open({ ...ONE_EACH, store });
  const first = await test.start(SLEEP);
  const second = await queue(test);
  store.isFull = true;
  await assert.rejects(test.worker.stop(second.jobId), { code: "unavailable" });
  assert.equal((await test.worker.get(second.jobId)).queue?.position, 1);
  const stopping = test.worker.stop(first.jobId);
  await soon(
    (async () => {
      while (test.faults.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    })(),
    () => "two faults",
  );
  assert.deepEqual(await statusesOf(test.worker, [second]), ["queued"]);
  store.isFull = false;
  await soon(stopping, () => "the stop");
  await running(test, second);
  test.faults.length = 0;
});

Deno.test("A queued job is recorded as it was asked for, until it has a process", async () => {
  const puts: Job[] = [];
  const store = new MemoryStore();
  store.put = (job, processIdentity) => {
    puts.push(job);
    return MemoryStore.prototype.put.call(store, job, processIdentity);
  };
  await using test = await TestWorker.open({ ...ONE_EACH, store, home: "/tmp" });
  const first = await test.start(SLEEP);
  const { jobId } = await queue(test, "exit 0");
  await test.worker.stop(first.jobId);
  await soon(test.worker.wait(jobId), () => "its end");
  const records = puts.filter((job) => job.jobId === jobId);
  assert.deepEqual(
    records.map((job) => [statusOf(job), job.pid !== 0, job.command.workingDirectory]),
    [
      ["queued", false, ""],
      ["running", false, ""],
      ["running", true, "/tmp"],
      ["done", true, "/tmp"],
    ],
  );
});

Deno.test("Queued jobs stay queued when the worker ends, and the next one starts them in their order", async () => {
  await using directory = await temporaryDirectory();
  const dataDirectory = directory.path;
  await using store = new MemoryStore();
  const note = `${directory.path}/order`;
  const queued: Job[] = [];
  {
    await using worker = await Worker.open({ dataDirectory, store, maxRunning: 1 });
    await worker.start({ command: SLEEP, owner: "alice" });
    for (const index of [0, 1, 2, 3]) {
      const command = {
        name: "sh",
        args: ["-c", `echo ${index} $A >> ${note}`],
        env: { A: "secret" },
      };
      const owner = index === 2 ? "bob" : "alice";
      queued.push(await worker.start({ command, owner, queue: true, requestId: `${index}` }));
    }
    const waiting = worker.wait(queued[0]?.jobId ?? "");
    const refused = assert.rejects(waiting, { code: "unavailable" });
    await worker.shutdown({ gracePeriodMs: 0 });
    await refused;
    await assert.rejects(worker.start({ command: SLEEP, owner: "bob", queue: true }), {
      code: "unavailable",
    });
  }
  assert.deepEqual(
    (await store.queued()).map(({ jobId }) => jobId),
    queued.map(({ jobId }) => jobId),
  );
  await using worker = await Worker.open({ dataDirectory, store, maxRunning: 1 });
  for (const { jobId } of queued) {
    assert.equal((await soon(worker.wait(jobId), () => "its end")).end?.status, "done");
  }
  assert.equal(await Deno.readTextFile(note), "0 secret\n2 secret\n1 secret\n3 secret\n");
});

Deno.test("A queued job whose user the next worker does not allow any more has failed, and says so", async () => {
  await using directory = await temporaryDirectory();
  const dataDirectory = directory.path;
  await using store = new MemoryStore();
  const ids: string[] = [];
  const { username } = userInfo();
  {
    await using worker = await Worker.open({
      dataDirectory,
      store,
      maxRunning: 1,
      allowUsers: [username],
    });
    await worker.start({ command: SLEEP, owner: "alice" });
    for (const user of [username, ""]) {
      const options = { command: { name: "true" }, owner: "alice", queue: true };
      ids.push((await worker.start({ ...options, execution: { user } })).jobId);
    }
  }
  await using worker = await Worker.open({ dataDirectory, store, jobUser: "nobody" });
  const ends = await Promise.all(ids.map((jobId) => soon(worker.wait(jobId), () => "its end")));
  assert.deepEqual(
    ends.map(({ end }) => [end?.status, end?.reason]),
    Array(2).fill(["failed", "start_failed"]),
  );
  assert.match(ends[0]?.end?.detail ?? "", /: the daemon does not allow it/);
  assert.match(ends[1]?.end?.detail ?? "", /told to run jobs as another/);
});
