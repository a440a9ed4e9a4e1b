import { type Job, type LogBatch, MemoryStore, Worker } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { processesOf } from "../end_to_end/process.ts";
import {
  allProcesses,
  cgroupsOf,
  FROM_START,
  rejection,
  temporaryDirectory,
  TestWorker,
  textOf,
  until,
} from "./fixture.ts";
import { DONE, job as jobOf } from "../executor/job_fixture.ts";

const FAULT = new Error("Disk full");

/** A store that looks on, and refuses what it is told to. */
class WatchedStore extends MemoryStore {
  puts = 0;
  /** Called before each put and delete. */
  before: (change: Job | string) => Promise<void> | void = () => {};
  /** Called after each put. */
  after: (job: Job) => void = () => {};

  override async put(job: Job, identity?: string): Promise<void> {
    this.puts++;
    await this.before(job);
    await super.put(job, identity);
    this.after(job);
  }

  override async delete(jobId: string): Promise<void> {
    await this.before(jobId);
    await super.delete(jobId);
  }
}

interface Recorded extends AsyncDisposable {
  readonly worker: Worker;
  readonly store: WatchedStore;
  readonly directory: string;
  readonly faults: unknown[];
}

async function openRecorded(): Promise<Recorded> {
  await using resources = new AsyncDisposableStack();
  const { path: directory } = resources.use(await temporaryDirectory());
  const store = new WatchedStore();
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  const worker = resources.use(await Worker.open({ dataDirectory: directory, store, onFault }));
  const owned = resources.move();
  const dispose = () => owned.disposeAsync();
  return { worker, store, directory, faults, [Symbol.asyncDispose]: dispose };
}

/** What there is of a job outside of the worker: files, a cgroup, processes. */
async function tracesOf({ directory }: Recorded, jobId: string): Promise<string[]> {
  const logs = await Array.fromAsync(Deno.readDir(`${directory}/logs`), ({ name }) => name);
  return [
    ...logs.filter((name) => name === jobId).map((name) => `log ${name}`),
    ...(await cgroupsOf([{ jobId }])).map((name) => `cgroup ${name}`),
    ...(await processesOf([jobId])).map((pid) => `process ${pid}`),
  ];
}

/** A job that leaves a trace of each kind. */
function start({ worker }: Recorded): Promise<Job> {
  const command = { name: "sh", args: ["-c", "echo on; exec sleep 1000"] };
  return worker.start({ command, owner: "alice" });
}

Deno.test("Worker.open() that fails leaves no process behind", async () => {
  await using directory = await temporaryDirectory();
  await using store = new class extends MemoryStore {
    override unfinished(): Promise<never> {
      return Promise.reject(new Error("Disk I/O error"));
    }
  }();
  const children = async () =>
    (await allProcesses()).filter(({ parent }) => parent === Deno.pid).length;
  const before = await children();
  const opening = Worker.open({ dataDirectory: directory.path, store });
  assert.match(String(await rejection(opening)), /Disk I\/O error/);
  await until(async () => await children() <= before);
});

Deno.test("The id of a new job sorts behind all earlier ones, whatever the clock said then", async () => {
  await using store = new MemoryStore();
  const jobId = "7fffffff-ffff-7fff-bfff-ffffffffffff";
  await store.put(jobOf({ jobId, end: DONE }));
  await using test = await TestWorker.open({ store });
  const next = await test.ran("exit 0");
  assert.ok(next.jobId > jobId, next.jobId);
  assert.equal((await test.worker.list({}, { limit: 1 }))[0]?.jobId, next.jobId);
});

Deno.test("Nothing of a job is made before its record", async () => {
  await using test = await openRecorded();
  let jobId = "";
  test.store.before = async (change) => {
    if (typeof change === "string" || jobId !== "") return;
    jobId = change.jobId;
    assert.deepEqual(await tracesOf(test, jobId), []);
    throw FAULT;
  };
  assert.equal(await rejection(start(test)), FAULT);
  assert.deepEqual(await tracesOf(test, jobId), []);
  assert.deepEqual(await test.worker.list({}, { limit: 9 }), []);
  // The next one has all of it.
  const next = await start(test);
  await until(async () =>
    (await tracesOf(test, next.jobId)).some((trace) => trace.startsWith("log"))
  );
  assert.ok((await tracesOf(test, next.jobId)).some((trace) => trace.startsWith("process")));
  assert.deepEqual(test.faults, []);
});

Deno.test("A process whose start cannot be recorded is ended, and nothing of it stays", async () => {
  await using test = await openRecorded();
  let jobId = "";
  test.store.before = async (change) => {
    if (typeof change === "string" || test.store.puts < 2) return;
    ({ jobId } = change);
    await until(async () => (await tracesOf(test, jobId)).some((trace) => trace.startsWith("log")));
    throw FAULT;
  };
  assert.equal(await rejection(start(test)), FAULT);
  assert.deepEqual(await tracesOf(test, jobId), []);
  assert.deepEqual(await test.store.unfinished(), []);
  assert.deepEqual(test.faults, []);
});

Deno.test("The record of a job that did not start is removed last, later if need be", async () => {
  await using test = await openRecorded();
  let jobId = "";
  let refusals = 0;
  test.store.before = async (change) => {
    if (typeof change !== "string") {
      if (test.store.puts === 2) throw FAULT;
      return;
    }
    jobId = change;
    // While there is a record, a worker after this one would find what else there is.
    assert.deepEqual(await tracesOf(test, jobId), []);
    if (++refusals === 1) throw FAULT;
  };
  assert.equal(await rejection(start(test)), FAULT);
  assert.deepEqual(test.faults, [FAULT]);
  assert.equal((await test.store.unfinished()).length, 1);
  await until(async () => (await test.store.unfinished()).length === 0);
});

Deno.test("A job that prints nothing has an empty log, and no file", async () => {
  await using test = await openRecorded();
  const { jobId } = await test.worker.start({ command: { name: "true" }, owner: "alice" });
  const { logBytes } = await test.worker.wait(jobId);
  assert.deepEqual([logBytes, await tracesOf(test, jobId)], [0, []]);
  const options = { start: FROM_START, streams: ["stdout"] as const, follow: true };
  const batches = await Array.fromAsync(test.worker.readLog(jobId, options));
  assert.deepEqual(batches, [
    { records: [], nextOffset: 0, finishedJob: await test.worker.get(jobId) },
  ]);
  assert.equal((await test.worker.prune({ retention: { maxCount: 0 } })).count, 1);
});

Deno.test("A caller who finds a job that is about to start gets its whole log, and its end", async () => {
  await using test = await openRecorded();
  const { worker, store } = test;
  const options = { start: FROM_START, streams: ["stdout"] as const, follow: true };
  let found: Promise<[Job, LogBatch[]]> | undefined;
  store.after = ({ jobId }) => {
    found ??= Promise.all([worker.wait(jobId), Array.fromAsync(worker.readLog(jobId, options))]);
  };
  const { jobId } = await worker.start({
    command: { name: "echo", args: ["on"] },
    owner: "alice",
  });
  const [job, batches] = await found ?? assert.fail("It was never recorded");
  assert.equal(job.end?.status, "done");
  assert.equal(textOf(batches.flatMap(({ records }) => records)), "on\n");
  assert.deepEqual(batches.at(-1)?.finishedJob, await worker.get(jobId));
});
