import { queuedJob } from "../../lib/job/record_bytes.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { JobSlots } from "../../lib/worker/job_slots.ts";
import { MemoryStore } from "../../lib/worker/memory_store.ts";
import { QueuedJobs, type Turn } from "../../lib/worker/queued_jobs.ts";
import { type Job, statusOf } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { job } from "../executor/job_fixture.ts";
import { soon } from "../soon.ts";

const WAITING = { pid: 0, queuedAt: 500, startedAt: null, liveStatus: "queued" } as const;
const JOB = job({ ...WAITING, jobId: "a" });

/** A queue with one slot, which is taken, and what is to happen when a turn comes. */
class TestQueue {
  readonly store = new MemoryStore();
  readonly slots: JobSlots;
  readonly queue: QueuedJobs;
  readonly faults: unknown[] = [];
  readonly ended: Job[] = [];
  /** The slot that is taken. */
  readonly taken: Disposable;

  constructor(start: (job: Job, turn: Turn, store: MemoryStore) => Promise<unknown>) {
    const unbounded = { maxQueued: Infinity, maxQueuedPerUser: Infinity };
    this.slots = new JobSlots(
      { maxRunning: 1, maxRunningPerUser: 1, ...unbounded },
      (jobId, slot) => this.queue.takeTurn(jobId, slot),
    );
    this.queue = new QueuedJobs({
      store: this.store,
      slots: this.slots,
      start: (job, turn) => start(job, turn, this.store),
      onChanged: () => {},
      onEnded: (job) => this.ended.push(job),
      onFault: (error) => this.faults.push(error),
    });
    this.taken = this.slots.acquire("other");
  }

  async add(admit: () => Promise<void> = () => Promise.resolve()): Promise<Job> {
    assert.equal(this.slots.acquireOrWait(queuedJob(JOB)), null);
    return await this.queue.add(JOB, admit);
  }

  async left(): Promise<void> {
    await soon(this.queue.left(JOB.jobId), () => "that the job has left the queue");
  }
}

function unavailable(): JobWorkerError {
  return new JobWorkerError("unavailable", "Not at the moment");
}

Deno.test("QueuedJobs tries again what may pass, and holds the slot until then", async () => {
  let tries = 0;
  const test = new TestQueue((_job, { slot }) => {
    if (tries++ === 0) return Promise.reject(unavailable());
    slot.holdUntil(new Promise(() => {}));
    return Promise.resolve();
  });
  await test.add();
  test.taken[Symbol.dispose]();
  assert.throws(() => test.slots.acquire("bob"), { code: "resource_exhausted" });
  await test.left();
  assert.deepEqual([tries, test.ended, test.faults.length], [2, [], 1]);
  assert.throws(() => test.slots.acquire("bob"), { code: "resource_exhausted" });
});

Deno.test("QueuedJobs starts a job whose turn comes while it is being queued once it is", async () => {
  const admitted = Promise.withResolvers<void>();
  const started: Job[] = [];
  const test = new TestQueue((job) => Promise.resolve(void started.push(job)));
  const added = test.add(() => admitted.promise);
  test.taken[Symbol.dispose]();
  // What it waits for takes no timer.
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(started, []);
  admitted.resolve();
  assert.deepEqual(await added, JOB);
  await test.left();
  assert.deepEqual(started, [JOB]);
});

Deno.test("QueuedJobs gives a slot back if its job could not be queued after all", async () => {
  const admitted = Promise.withResolvers<void>();
  const test = new TestQueue(() => Promise.reject(new Error("Nothing is to be started")));
  const added = test.add(() => admitted.promise);
  test.taken[Symbol.dispose]();
  admitted.reject(unavailable());
  await assert.rejects(added, { code: "unavailable" });
  await test.left();
  assert.deepEqual([test.faults, test.ended], [[], []]);
  test.slots.acquire("bob");
});

Deno.test("QueuedJobs starts a job as it was changed last", async () => {
  const started: Job[] = [];
  const test = new TestQueue((job) => Promise.resolve(void started.push(job)));
  await test.add();
  const updated = test.queue.update(JOB.jobId, (job) => ({ ...job, labels: { a: "b" } }));
  test.taken[Symbol.dispose]();
  assert.equal((await updated)?.labels.a, "b");
  await test.left();
  assert.deepEqual(started.map(({ labels }) => labels), [{ a: "b" }]);
  assert.equal(await test.queue.update(JOB.jobId, (job) => job), undefined);
});

/** A start that is recorded, and fails when it is aborted. */
async function startUntilAborted(job: Job, { signal, undo }: Turn, store: MemoryStore) {
  await store.put({ ...job, startedAt: 700, liveStatus: "running" });
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  await undo(signal.reason, true);
  throw signal.reason;
}

Deno.test("QueuedJobs.cancel() ends a job that is just being started, if it has no process yet", async () => {
  const test = new TestQueue(startUntilAborted);
  await test.add();
  test.taken[Symbol.dispose]();
  const left = test.left();
  const cancelled = await test.queue.cancel(JOB.jobId);
  assert.deepEqual([cancelled?.end?.reason, cancelled?.startedAt], ["stopped", null]);
  await left;
  assert.deepEqual(await test.store.get(JOB.jobId), cancelled);
  assert.deepEqual(test.ended, [cancelled]);
  test.slots.acquire("bob");
});

Deno.test("QueuedJobs.left() tells that a job was taken out once that is recorded", async () => {
  const test = new TestQueue(() => Promise.reject(new Error("Nothing is to be started")));
  await test.add();
  const writable = Promise.withResolvers<void>();
  test.store.put = async (job) => {
    await writable.promise;
    await MemoryStore.prototype.put.call(test.store, job);
  };
  const cancelled = test.queue.cancel(JOB.jobId);
  let hasLeft = false;
  const left = test.left().then(() => hasLeft = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(hasLeft, false);
  writable.resolve();
  await left;
  assert.equal((await test.store.get(JOB.jobId))?.end?.reason, "stopped");
  await cancelled;
});

Deno.test("QueuedJobs.cancel() ends a job that is tried again and again", async () => {
  const test = new TestQueue(() => Promise.reject(unavailable()));
  await test.add();
  test.taken[Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(test.faults.length, 1);
  assert.equal((await test.queue.cancel(JOB.jobId))?.end?.reason, "stopped");
  test.slots.acquire("bob");
});

Deno.test("QueuedJobs.cancel() leaves a job alone that runs by then", async () => {
  const test = new TestQueue((job, _turn, store) =>
    store.put({ ...job, startedAt: 700, liveStatus: "running" })
  );
  await test.add();
  test.taken[Symbol.dispose]();
  await test.left();
  assert.equal(await test.queue.cancel(JOB.jobId), undefined);
  assert.equal(await test.queue.cancel("nobody"), undefined);
  assert.deepEqual(test.ended, []);
});

Deno.test("QueuedJobs.close() leaves a job queued that has not been launched, and only that", async () => {
  for (const wasLaunched of [false, true]) {
    const recorded = Promise.withResolvers<void>();
    const closing = Promise.withResolvers<void>();
    const test = new TestQueue(async (job, { undo }, store) => {
      await store.put({ ...job, startedAt: 700, liveStatus: "running" });
      recorded.resolve();
      await closing.promise;
      await undo(unavailable(), wasLaunched);
      throw unavailable();
    });
    await test.add();
    test.taken[Symbol.dispose]();
    await recorded.promise;
    const left = assert.rejects(test.left(), { code: "unavailable" });
    const closed = test.queue.close();
    closing.resolve();
    await Promise.all([closed, left]);
    const { end, ...found } = await test.store.get(JOB.jobId) ?? JOB;
    assert.equal(end?.reason, wasLaunched ? "start_failed" : undefined);
    assert.equal(statusOf({ ...found, end: null }), "queued");
  }
});
