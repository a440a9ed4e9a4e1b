/**
 * Starts, stops, ends and a shutdown at random moments, some hundreds of each.
 *
 * @module
 */

import { JobWorkerError } from "../../lib/errors.ts";
import { type Job, MemoryStore, statusOf } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { BOTH, FROM_START, rejection, TestWorker, until } from "./fixture.ts";
import { atRandom, cgroupRoot, pick, raceShutdown } from "./races.ts";

for (const cgroups of await cgroupRoot() === null ? [false] : [true, false]) {
  const where = cgroups ? "cgroups" : "process groups";
  Deno.test(`A shutdown that races starts, stops and ends leaves one end of each job in ${where}`, () =>
    raceShutdown({ rounds: 4, cgroups }));
}

Deno.test("Two stops at once see the same end, in hundreds of jobs", async () => {
  await using test = await TestWorker.open();
  await Promise.all(Array.from({ length: 200 }, async (_, index) => {
    const { jobId } = await test.sh("trap 'exit 3' TERM; sleep 1000 & wait");
    const [first, second] = await Promise.all(
      [index, index + 1].map((which) =>
        atRandom(() =>
          test.worker.stop(jobId, {
            stopSignal: pick(["TERM", "TERM", "KILL"], which),
            gracePeriodMs: 60_000,
          })
        ).catch((error: unknown) => error)
      ),
    );
    const job = await test.worker.get(jobId);
    assert.deepEqual([job.end?.status, job.end?.reason], ["cancelled", "stopped"]);
    for (const stopped of [first, second]) {
      if (stopped instanceof JobWorkerError) assert.equal(stopped.code, "failed_precondition");
      else assert.deepEqual(stopped, job);
    }
    assert.ok(!(first instanceof Error) || !(second instanceof Error), "One of them ended it");
  }));
});

/** A store that keeps its callers waiting at some of its changes, which are visible at once. */
class SlowStore extends MemoryStore {
  readonly #held: (job: Job) => boolean;
  readonly released: () => void;
  readonly #gate: Promise<void>;

  constructor(held: (job: Job) => boolean) {
    super();
    this.#held = held;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.released = resolve;
  }

  override async put(job: Job): Promise<void> {
    await super.put(job);
    if (this.#held(job)) await this.#gate;
  }
}

const HELD: readonly [string, (job: Job) => boolean][] = [
  ["before it has a process", ({ pid }) => pid === 0],
  ["before its process is recorded", ({ pid, end }) => pid !== 0 && end === null],
];

for (const [when, held] of HELD) {
  Deno.test(`A stop of a job that is listed, ${when}, ends it`, async () => {
    await using store = new SlowStore(held);
    await using test = await TestWorker.open({ store });
    const { worker } = test;
    const starting = test.start({ name: "sleep", args: ["1000"] });
    const listed = await until(async () => (await worker.list({}, { limit: 1 }))[0]);
    assert.equal(statusOf(listed), "running");
    const { jobId } = listed;
    const options = { start: FROM_START, streams: BOTH, follow: true };
    const log = Array.fromAsync(worker.readLog(jobId, options));
    const waiting = worker.wait(jobId);
    const stopping = worker.stop(jobId, { gracePeriodMs: 60_000 });
    store.released();
    const stopped = await stopping;
    assert.deepEqual([stopped.end?.status, stopped.end?.reason], ["cancelled", "stopped"]);
    assert.deepEqual(await waiting, stopped);
    assert.deepEqual((await log).at(-1)?.finishedJob, stopped);
    assert.equal((await starting).jobId, jobId);
  });
}

Deno.test("A stop of a job whose start then fails finds no such job", async () => {
  await using store = new SlowStore(({ pid }) => pid === 0);
  await using test = await TestWorker.open({ store });
  const controller = new AbortController();
  const { signal } = controller;
  const starting = rejection(test.start({ name: "sleep", args: ["1000"] }, { signal }));
  const { jobId } = await until(async () => (await test.worker.list({}, { limit: 1 }))[0]);
  const stopping = rejection(test.worker.stop(jobId));
  controller.abort(new Error("Enough"));
  store.released();
  assert.match(String(await starting), /Enough/);
  assert.match(String(await stopping), /No job/);
});
