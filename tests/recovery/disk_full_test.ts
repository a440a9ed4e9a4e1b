import { JobWorkerError } from "../../lib/errors.ts";
import { PromptWrites } from "../../lib/log/prompt_writes.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { type Job, type StartOptions, Worker, type WorkerOptions } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { NO_SMALL_DISK, SmallDisk } from "../small_disk.ts";
import { BOTH, FROM_START, rejection, textOf, until } from "../worker/fixture.ts";

/** A worker whose database and logs are on a disk that can be full. */
class WorkerOnSmallDisk implements AsyncDisposable {
  readonly worker: Worker;
  readonly store: SqliteStore;
  readonly disk: SmallDisk;
  readonly faults: readonly string[];
  readonly #resources: AsyncDisposableStack;

  private constructor(
    parts: Pick<WorkerOnSmallDisk, "worker" | "store" | "disk" | "faults">,
    resources: AsyncDisposableStack,
  ) {
    this.worker = parts.worker;
    this.store = parts.store;
    this.disk = parts.disk;
    this.faults = parts.faults;
    this.#resources = resources;
  }

  static async open(options: Partial<WorkerOptions> = {}): Promise<WorkerOnSmallDisk> {
    await using resources = new AsyncDisposableStack();
    const disk = resources.use(await SmallDisk.mount(4));
    const store = resources.use(await SqliteStore.open(`${disk.path}/jobs.db`));
    const faults: string[] = [];
    const onFault = (error: unknown) => void faults.push(String(error));
    const worker = resources.use(
      await Worker.open({ ...options, dataDirectory: disk.path, store, onFault }),
    );
    return new WorkerOnSmallDisk({ worker, store, disk, faults }, resources.move());
  }

  async sh(script: string, options: Partial<StartOptions> = {}): Promise<Job> {
    const command = { name: "sh", args: ["-c", script] };
    return await this.worker.start({ command, owner: "alice", ...options });
  }

  /** What there is of the output of a job. */
  async output(jobId: string, streams = BOTH): Promise<string> {
    const options = { start: FROM_START, streams, follow: false };
    const batches = await Array.fromAsync(this.worker.readLog(jobId, options));
    return textOf(batches.flatMap(({ records }) => records));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Watches the writes to logs until one finds no room. */
function noRoom(): Disposable & { readonly found: Promise<void> } {
  const { write } = PromptWrites.prototype;
  const { promise, resolve } = Promise.withResolvers<void>();
  PromptWrites.prototype.write = async function (file, data) {
    try {
      return await write.call(this, file, data);
    } catch (error) {
      resolve();
      throw error;
    }
  };
  return {
    found: promise,
    [Symbol.dispose]: () => {
      PromptWrites.prototype.write = write;
    },
  };
}

/** Longer than any test: within it nothing is given up. */
const LONG_MS = 600_000;

function testOnSmallDisk(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${NO_SMALL_DISK}`, ignore: NO_SMALL_DISK !== "", fn });
}

testOnSmallDisk("A job waits for room on a full disk, and loses nothing", async () => {
  await using test = await WorkerOnSmallDisk.open({ diskTimeoutMs: LONG_MS });
  const script = "echo first; read _; seq 100000; seq 100000 >&2";
  const { jobId } = await test.sh(script, { execution: { hasInput: true } });
  await until(async () => await test.output(jobId) === "first\n");
  {
    await test.disk.fill();
    using room = noRoom();
    await test.worker.writeInput(jobId, 0, new TextEncoder().encode("\n"));
    await room.found;
  }
  assert.equal((await test.worker.get(jobId)).end, null);
  assert.ok((await test.output(jobId)).startsWith("first\n"), "What was stored is read");
  await test.disk.free();
  const ended = await test.worker.wait(jobId);
  assert.deepEqual([ended.end?.status, ended.outputTruncated], ["done", false]);
  const numbers = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join("");
  assert.equal(await test.output(jobId, ["stdout"]), `first\n${numbers}`);
  assert.equal(await test.output(jobId, ["stderr"]), numbers);
  assert.deepEqual(test.faults, []);
});

testOnSmallDisk("A job whose output finds no room is ended and told; others go on", async () => {
  await using test = await WorkerOnSmallDisk.open({ diskTimeoutMs: 200 });
  const quiet = await test.sh("echo before; read _; echo after", { execution: { hasInput: true } });
  const done = await test.sh("echo kept");
  await test.worker.wait(done.jobId);
  await until(async () => await test.output(quiet.jobId) === "before\n");

  const idle = await test.sh("exec sleep 1000");
  const script = "yes | head -c 10000; read _; yes";
  const loud = await test.sh(script, { execution: { hasInput: true } });
  await until(async () => (await test.output(loud.jobId)).length === 10_000);
  // Before it prints on: what its log took would not be free again later.
  await test.disk.fill();
  await test.worker.writeInput(loud.jobId, 0, new TextEncoder().encode("\n"));
  const told = await test.worker.wait(loud.jobId);
  assert.deepEqual([told.end?.status, told.end?.reason, told.outputTruncated], [
    "failed",
    "log_limit",
    true,
  ]);
  assert.match(told.end?.detail ?? "", /^The output cannot be stored: No space left on device/);
  const printed = await test.output(loud.jobId);
  assert.equal(printed.length, told.stdoutBytes);
  assert.ok(printed.length >= 10_000, `${printed.length} bytes`);
  assert.equal(printed, "y\n".repeat(printed.length / 2));

  // While the disk is full everything that needs no room goes on.
  assert.equal(await test.output(done.jobId), "kept\n");
  assert.equal((await test.worker.get(quiet.jobId)).end, null);
  assert.equal((await test.worker.list({}, { limit: 9 })).length, 4);
  assert.equal((await test.worker.stop(idle.jobId)).end?.status, "cancelled");
  await until(async () => {
    // A little room may be left in what the database has taken before.
    const error = await test.sh("exec sleep 1000").then(() => null, (error) => error);
    if (error === null) return false;
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.equal(error.code, "unavailable");
    assert.match(error.message, /^Cannot record jobs: database or disk is full/);
    return true;
  });
  await test.disk.free();
  await test.worker.writeInput(quiet.jobId, 0, new TextEncoder().encode("\n"));
  assert.equal((await test.worker.wait(quiet.jobId)).end?.status, "done");
  assert.equal(await test.output(quiet.jobId), "before\nafter\n");
  const { jobId } = await test.sh("echo new");
  assert.equal((await test.worker.wait(jobId)).end?.status, "done");
});

testOnSmallDisk("Worker records an end that found no room once there is some", async () => {
  const ends: string[] = [];
  await using test = await WorkerOnSmallDisk.open({ onEnded: ({ jobId }) => ends.push(jobId) });
  const { worker, store, disk, faults } = test;
  // Large records: what the database has taken before is soon used up.
  const env = { LARGE: "x".repeat(100_000) };
  const command = { name: "sh", args: ["-c", "read _; exit 7"], env };
  const { jobId } = await worker.start({ command, owner: "alice", execution: { hasInput: true } });
  await disk.fill();
  await until(async () => {
    const start = worker.start({ command, owner: "alice", execution: { hasInput: true } });
    return await start.then(() => false, () => true);
  });
  const watching = new AbortController();
  const watch = worker.watch({}, watching.signal);
  for (let seen = ""; seen !== jobId;) seen = (await watch.next()).value?.jobId ?? "";
  await worker.closeInput(jobId);
  const ended = await worker.wait(jobId);
  assert.deepEqual(ended.end?.exitStatus, { code: 7 });
  assert.deepEqual((await watch.next()).value, ended);
  watching.abort();
  await rejection(watch.next());
  assert.match(faults.at(-1) ?? "", /Cannot record jobs/);
  assert.deepEqual([(await store.get(jobId))?.end, ends], [null, []]);
  // It is known nevertheless.
  assert.deepEqual(await worker.get(jobId), ended);
  await disk.free();
  await until(() => Promise.resolve(ends.includes(jobId)));
  assert.deepEqual(await store.get(jobId), ended);
});
