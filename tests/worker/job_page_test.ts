import { type JobPage, MemoryStore } from "../../lib/worker/mod.ts";
import { type Job, type JobFilter, statusOf } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { rejection, TestWorker } from "./fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";

/** Remembers how many jobs each page had. */
class CountingStore extends MemoryStore {
  readonly pages: number[] = [];

  override async list(filter: JobFilter, page: JobPage): Promise<Job[]> {
    const jobs = await super.list(filter, page);
    this.pages.push(jobs.length);
    return jobs;
  }
}

async function storeOf(count: number, size: number, end: Job["end"]): Promise<CountingStore> {
  const store = new CountingStore();
  const command = { name: "x".repeat(size), args: [], env: {}, workingDirectory: "/" };
  for (let index = 0; index < count; index++) {
    await store.put(job({ jobId: `${index}`, pid: 0, command, end }));
  }
  return store;
}

Deno.test("Worker.watch() holds little of what there is already, however large the jobs", async () => {
  await using store = await storeOf(5, 40_000, DONE);
  await using test = await TestWorker.open({ store });
  store.pages.length = 0;
  const controller = new AbortController();
  const watch = test.worker.watch({}, controller.signal);
  const seen: string[] = [];
  for (let count = 0; count < 5; count++) seen.push((await watch.next()).value.jobId);
  assert.deepEqual(seen, ["4", "3", "2", "1", "0"]);
  assert.deepEqual(store.pages, [1, 1, 1, 1, 1]);
  const next = watch.next();
  controller.abort();
  await rejection(next);
});

Deno.test("Worker.open() settles the jobs of a dead worker a few at a time, if they are large", async () => {
  await using store = await storeOf(3, 1_500_000, null);
  const lost: string[][] = [];
  const onLost = (jobs: readonly Job[]) => void lost.push(jobs.map(({ jobId }) => jobId));
  await using test = await TestWorker.open({ store, onLost, isWithin: true });
  assert.deepEqual(lost, [["2"], ["1"], ["0"]]);
  for (const jobId of ["0", "1", "2"]) {
    const settled = await test.worker.get(jobId);
    assert.deepEqual([statusOf(settled), settled.end?.reason], ["failed", "lost"]);
  }
});
