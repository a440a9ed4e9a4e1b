import { JobWorkerError } from "../../lib/errors.ts";
import { MemoryStore } from "../../lib/worker/memory_store.ts";
import { expired, type Retention } from "../../lib/worker/retention.ts";
import type { Job } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { BOTH, bytesOf, FROM_START, rejection, TestWorker } from "./fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { fakeClock } from "../log/log_fixture.ts";

/** An hour after the start of the last job of {@linkcode storeOf}. */
const NOW = 13_600_000;

/** Jobs `1` to `9`, a second apart, which ended at once; `3` and `7` still run. */
async function storeOf(): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (let index = 1; index <= 9; index++) {
    const finishedAt = 10_000_000 + index * 1_000;
    await store.put(job({
      jobId: `${index}`,
      owner: index % 2 === 0 ? "bob" : "alice",
      logBytes: index * 100,
      end: index === 3 || index === 7 ? null : { ...DONE, finishedAt },
    }));
  }
  return store;
}

async function goneOf(retention: Retention, owner?: string, now = NOW): Promise<string> {
  const jobs = await expired(await storeOf(), retention, now, owner);
  return jobs.map(({ jobId }) => jobId).join(" ");
}

Deno.test("expired() keeps the newest that all bounds allow, and whatever runs", async () => {
  const cases: [Retention, string][] = [
    [{}, ""],
    [{ maxCount: 0 }, "9 8 6 5 4 2 1"],
    [{ maxCount: 2 }, "6 5 4 2 1"],
    [{ maxCount: 7 }, ""],
    [{ maxAgeMs: NOW - 10_005_000 }, "4 2 1"],
    [{ maxAgeMs: 0 }, "9 8 6 5 4 2 1"],
    [{ maxBytes: 900 + 800 }, "6 5 4 2 1"],
    // Alice still holds more than Bob, if only by one job.
    [{ maxBytes: 900 + 800 - 1 }, "9 6 5 4 2 1"],
    [{ maxBytes: 0 }, "9 8 6 5 4 2 1"],
    [{ maxCount: 5, maxBytes: 900 + 800 }, "6 5 4 2 1"],
    [{ maxCount: 2, maxAgeMs: Infinity, maxBytes: Infinity }, "6 5 4 2 1"],
  ];
  for (const [retention, gone] of cases) {
    assert.equal(await goneOf(retention), gone, JSON.stringify(retention));
  }
});

Deno.test("expired() of one owner's jobs neither counts nor touches those of others", async () => {
  assert.equal(await goneOf({ maxCount: 1 }, "bob"), "6 4 2");
  assert.equal(await goneOf({ maxBytes: 1_400 }, "bob"), "4 2");
  assert.equal(await goneOf({ maxCount: 0 }, "carol"), "");
});

Deno.test("expired() does not count a job as old that ended in what is now the future", async () => {
  assert.equal(await goneOf({ maxAgeMs: 0 }, undefined, 0), "");
  assert.equal(await goneOf({ maxAgeMs: 1_000, maxCount: 6 }, undefined, 0), "2");
});

const idOf = (index: number) => `0199${String(index).padStart(8, "0")}`;

Deno.test("expired() pages through any number of jobs", async () => {
  const store = new MemoryStore();
  for (let index = 0; index < 1_203; index++) {
    await store.put(job({ jobId: idOf(index), end: DONE }));
  }
  const oldest = Array.from({ length: 1_200 }, (_, index) => idOf(index));
  const found = await expired(store, { maxCount: 3 }, NOW);
  assert.deepEqual(found.map(({ jobId }) => jobId).reverse(), oldest);
  assert.equal((await expired(store, { maxAgeMs: 1_000 }, NOW)).length, 1_203);
});

/** Returns the jobs that were removed. */
async function pruneAll(
  { worker }: TestWorker,
  options: { owner?: string; dryRun?: boolean } = {},
): Promise<readonly Job[]> {
  return (await worker.prune({ retention: { maxCount: 0 }, ...options })).jobs;
}

async function logsOf({ directory }: TestWorker): Promise<string[]> {
  const names = (await Array.fromAsync(Deno.readDir(`${directory}/logs`))).map(({ name }) => name);
  return names.sort();
}

function idsOf(jobs: readonly Job[]): string[] {
  return jobs.map(({ jobId }) => jobId);
}

Deno.test("Worker.prune() removes jobs with their logs, but none that runs", async () => {
  await using test = await TestWorker.open();
  const running = await test.sh("echo on; exec sleep 1000");
  await test.printed(running.jobId, "on");
  const first = await test.ran("echo 1");
  const second = await test.ran("echo 2");
  const both = [second.jobId, first.jobId];

  assert.deepEqual(idsOf(await pruneAll(test, { dryRun: true })), both);
  assert.equal((await test.read(first.jobId)).stdout, "1\n", "That was only a question");
  assert.equal((await logsOf(test)).length, 3);

  assert.deepEqual(await pruneAll(test), [second, first]);
  assert.deepEqual(await logsOf(test), [running.jobId]);
  assert.deepEqual(idsOf(await test.worker.list({}, { limit: 9 })), [running.jobId]);
  for (const jobId of both) {
    const error = await rejection(test.read(jobId));
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "not_found");
  }
  assert.deepEqual(await pruneAll(test), []);
});

Deno.test("Worker.prune() counts all jobs and bytes, and shows as many of the newest as a page holds", async () => {
  await using store = new MemoryStore();
  const name = "x".repeat(1_500_000);
  const command = { name, args: [], env: {}, workingDirectory: "/" };
  for (let index = 0; index < 1_100; index++) {
    const jobId = `0${String(index).padStart(4, "0")}`;
    await store.put(job({ jobId, logBytes: index, end: DONE }));
  }
  await using test = await TestWorker.open({ store });
  const newest = async () => {
    const { jobs, count, bytes } = await test.worker.prune({
      retention: { maxCount: 0 },
      dryRun: true,
    });
    return [jobs[0]?.jobId, jobs.length, count, bytes];
  };
  assert.deepEqual(await newest(), ["01099", 1_000, 1_100, 604_450]);
  const large = ["2", "3"].map((jobId) => job({ jobId, command, logBytes: 5, end: DONE }));
  for (const job of large) await store.put(job);
  // Their records count as well.
  const bytes = 604_460 + 2 * JSON.stringify(large[0]).length;
  assert.deepEqual(await newest(), ["3", 1, 1_102, bytes], "The other large one, and no smaller");
  await test.worker.prune({ retention: { maxCount: 1_000 } });
  assert.equal((await store.finished({}, { limit: 2_000, after: "" })).length, 1_000);
});

Deno.test("Worker.prune() removes the jobs of one owner only, if told so", async () => {
  await using test = await TestWorker.open();
  const jobs = await Promise.all(["alice", "bob"].map(async (owner) => {
    const { jobId } = await test.start({ name: "true" }, { owner });
    return await test.worker.wait(jobId);
  }));
  const [alice, bob] = idsOf(jobs);
  assert.deepEqual(idsOf(await pruneAll(test, { owner: "bob" })), [bob]);
  assert.deepEqual(idsOf(await test.worker.list({}, { limit: 9 })), [alice]);
});

Deno.test("Worker.prune() leaves a job alone for as long as its log is read", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.ran("echo 1; echo 2 >&2");
  const read = () => test.worker.readLog(jobId, { start: FROM_START, streams: BOTH, follow: true });
  const [one, other] = [read(), read()];
  await one.next();
  await other.next();
  assert.deepEqual(await pruneAll(test), []);
  assert.deepEqual(await pruneAll(test, { dryRun: true }), []);
  await one.return();
  assert.deepEqual(await pruneAll(test), []);
  // A reader that has read to the end, or has left, is done.
  await Array.fromAsync(other);
  assert.deepEqual(idsOf(await pruneAll(test)), [jobId]);
});

Deno.test("Worker.prune() goes on where it was interrupted", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.ran("echo 1");
  // This is as if the daemon had died between the two.
  await Deno.remove(`${test.directory}/logs/${jobId}`, { recursive: true });
  const error = await rejection(test.read(jobId));
  assert.ok(error instanceof JobWorkerError);
  assert.deepEqual([error.code, error.message], ["not_found", `The log of job "${jobId}" is gone`]);
  assert.deepEqual(idsOf(await pruneAll(test)), [jobId]);
  assert.deepEqual(await test.worker.list({}, { limit: 9 }), []);
});

Deno.test("A reader whose log is deleted underneath reads what it has open, or is told", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.ran("head -c 9000000 /dev/zero");
  const read = () =>
    test.worker.readLog(jobId, { start: FROM_START, streams: BOTH, follow: false });
  const reader = read();
  await reader.next();
  await Deno.remove(`${test.directory}/logs/${jobId}`, { recursive: true });
  const error = await rejection(Array.fromAsync(reader));
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.code, "data_loss");
  // What is behind the first file of 8 MiB is gone.
  assert.match(error.message, /missing from byte 8\d{6} onwards/);
  assert.match(String(await rejection(Array.fromAsync(read()))), /is gone/);
});

Deno.test("A reader of a log whose end somebody has removed reads the rest, and is told", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.ran("head -c 9000000 /dev/zero");
  const directory = `${test.directory}/logs/${jobId}`;
  const files = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
  assert.equal(files.length, 2);
  for (const [file, expected] of [[files[1], Number(files[1]?.slice(0, 16))], [files[0], 0]]) {
    await Deno.remove(`${directory}/${file}`);
    let bytes = 0;
    const options = { start: FROM_START, streams: BOTH, follow: false };
    const error = await rejection((async () => {
      for await (const { records } of test.worker.readLog(jobId, options)) {
        bytes += bytesOf(records).byteLength;
      }
    })());
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "data_loss");
    assert.match(error.message, new RegExp(`"${jobId}" ends at byte ${expected} of 9000000: `));
    assert.equal(bytes, expected);
  }
});

Deno.test("A job whose log somebody deletes while it runs goes on, and so do its followers", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.start(
    { name: "sh", args: ["-c", "echo 1; read _; echo 2"] },
    { execution: { hasInput: true } },
  );
  const reading = test.read(jobId);
  await test.printed(jobId, "1");
  const follower = test.worker.readLog(jobId, { start: FROM_START, streams: BOTH, follow: true });
  await follower.next();
  await Deno.remove(`${test.directory}/logs/${jobId}`, { recursive: true });
  await test.worker.closeInput(jobId);
  assert.equal((await reading).stdout, "1\n2\n");
  assert.equal((await reading).finishedJob.end?.status, "done");
  await Array.fromAsync(follower);
});

Deno.test("A job whose log is deleted while it runs stores what it prints in its next file", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.start(
    { name: "sh", args: ["-c", "echo 1; read _; head -c 9000000 /dev/zero"] },
    { execution: { hasInput: true } },
  );
  const follower = test.worker.readLog(jobId, { start: FROM_START, streams: BOTH, follow: true });
  let bytes = 0;
  while (bytes < 2) bytes += bytesOf((await follower.next()).value?.records ?? []).byteLength;
  await Deno.remove(`${test.directory}/logs`, { recursive: true });
  await test.worker.closeInput(jobId);
  for await (const { records } of follower) bytes += bytesOf(records).byteLength;
  assert.equal(bytes, 9_000_002);
  const job = await test.worker.wait(jobId);
  assert.deepEqual([job.end?.status, job.outputTruncated, job.stdoutBytes], [
    "done",
    false,
    9_000_002,
  ]);
  // What is in the file of 8 MiB that was removed is gone, and who asks for it is told.
  const { batches, stdout } = await test.read(jobId);
  const { from, to } = batches[0]?.gap ?? {};
  assert.ok(from === 0 && to !== undefined && to > 8_000_000);
  assert.equal(stdout.length, 9_000_002 - to);
});

Deno.test("The age of a job is counted from its end, whatever the clock did meanwhile", async () => {
  await using test = await TestWorker.open();
  const startedAt = Date.now();
  const { jobId } = await test.start(
    { name: "sh", args: ["-c", "read _"] },
    { execution: { hasInput: true, timeoutMs: 600_000 } },
  );
  using clock = fakeClock(startedAt + 86_400_000);
  await test.worker.closeInput(jobId);
  const { end } = await test.worker.wait(jobId);
  // Its time is not up, and it has not run for a day.
  assert.equal(end?.reason, "exited");
  assert.ok(end.finishedAt < startedAt + 600_000);
  clock.now = end.finishedAt + 1_000;
  const prune = async () => (await test.worker.prune({ retention: { maxAgeMs: 1_000 } })).count;
  assert.equal(await prune(), 0);
  clock.now++;
  assert.equal(await prune(), 1);
});

Deno.test("Worker.prune() deletes each job once, a hundred at a time", async () => {
  const deleted: string[] = [];
  class CountingStore extends MemoryStore {
    override delete(jobId: string): Promise<void> {
      deleted.push(jobId);
      return super.delete(jobId);
    }
  }
  await using store = new CountingStore();
  await using test = await TestWorker.open({ store });
  const ids = Array.from(
    { length: 250 },
    (_, index) => `01890a5d-ac96-774b-bcce-b302099a8${100 + index}`,
  );
  for (const jobId of ids) await store.put(job({ jobId, end: DONE }));
  const { count } = await test.worker.prune({ retention: { maxCount: 0 } });
  assert.equal(count, 250);
  assert.deepEqual(deleted.toSorted(), ids);
});
