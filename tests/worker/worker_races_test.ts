/**
 * Starts, stops, ends and a shutdown at random moments, some hundreds of each (design §4.6).
 *
 * @module
 */

import { Cgroups } from "../../lib/worker/cgroups.ts";
import { KernelShell } from "../../lib/worker/kernel_shell.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { type Job, MemoryStore, statusOf } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { BOTH, FROM_START, liveProcesses, rejection, TestWorker, until } from "./fixture.ts";
import { seeded } from "../random.ts";

const random = seeded("worker races");

const ROUNDS = 20;
const JOBS = 20;

/** What a job may be at when something happens to it; `brief` ones end by themselves. */
const COMMANDS = [
  { brief: false, name: "sleep", args: ["1000"] },
  { brief: false, name: "sh", args: ["-c", "sleep 1000 & sleep 1000"] },
  { brief: false, name: "sh", args: ["-c", "trap '' TERM; while :; do sleep 0.01; done"] },
  { brief: true, name: "sleep", args: ["0.03"] },
  { brief: true, name: "true", args: [] },
] as const;

/** The directory of the jobs' cgroups; `null` where there are none. */
async function cgroupRoot(): Promise<string | null> {
  await using shell = new KernelShell({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
  const cgroups = await Cgroups.find(shell);
  return cgroups?.entryOf("x").replace("/x/cgroup.procs", "") ?? null;
}

/** At some moment of the next 40 ms. */
async function atRandom<T>(act: () => Promise<T>): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, random() * 40));
  return await act();
}

function pick<T>(choices: readonly T[], index: number): T {
  const choice = choices[index % choices.length];
  assert.ok(choice !== undefined);
  return choice;
}

const root = await cgroupRoot();

for (const cgroups of root === null ? [false] : [true, false]) {
  const where = cgroups ? "cgroups" : "process groups";
  Deno.test(`A shutdown that races starts, stops and ends leaves one end of each job in ${where}`, async () => {
    const seen = { refused: 0, started: 0, stopped: 0, shutdown: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const ends = new Map<string, number>();
      const onEnded = ({ jobId }: Job) => void ends.set(jobId, (ends.get(jobId) ?? 0) + 1);
      await using test = await TestWorker.open({ cgroups, onEnded });
      const { worker } = test;

      // So many starts come before the shutdown, however fast this machine is.
      let left = Math.floor(random() * JOBS);
      const enough = Promise.withResolvers<void>();
      if (left === 0) enough.resolve();
      const start = (index: number) => {
        const { brief, ...command } = pick(COMMANDS, index + round);
        return test.start(command).then(
          (job) => {
            if (--left === 0) enough.resolve();
            return { brief, jobId: job.jobId };
          },
          (error: unknown) => {
            assert.ok(error instanceof JobWorkerError && error.code === "unavailable", `${error}`);
            return null;
          },
        );
      };
      const stop = async (jobId: string, index: number): Promise<Job | null> => {
        const stopSignal = pick(["TERM", "KILL"], index);
        try {
          return await worker.stop(jobId, {
            stopSignal,
            gracePeriodMs: pick([0, 20, 60_000], index),
          });
        } catch (error) {
          assert.ok(error instanceof JobWorkerError, String(error));
          assert.equal(error.code, "failed_precondition");
          return null;
        }
      };
      /** Starts a job, and stops it, mostly twice at once. */
      const live = async (index: number) => {
        const started = await atRandom(() => start(index));
        if (started === null) return null;
        const stops = Array.from(
          { length: index % 3 },
          (_, which) =>
            index % 2 === 0
              ? stop(started.jobId, index + which)
              : atRandom(() => stop(started.jobId, index + which)),
        );
        return { ...started, stops: await Promise.all(stops) };
      };

      const lives = Array.from({ length: JOBS }, (_, index) => live(index));
      await enough.promise;
      await worker.shutdown({ gracePeriodMs: pick([0, 20], round) });
      const jobs = await worker.list({}, { limit: 100 });
      assert.deepEqual(await liveProcesses(jobs.map(({ pid }) => pid)), []);
      for (const { jobId, end } of jobs) {
        assert.notEqual(end, null);
        assert.equal(ends.get(jobId), 1);
      }
      // None of them prints.
      assert.deepEqual(await Array.fromAsync(Deno.readDir(`${test.directory}/logs`)), []);

      const byId = new Map(jobs.map((job) => [job.jobId, job]));
      for (const life of await Promise.all(lives)) {
        seen[life === null ? "refused" : "started"]++;
        if (life === null) continue;
        const job = byId.get(life.jobId);
        assert.ok(job?.end);
        byId.delete(life.jobId);
        for (const stopped of life.stops) if (stopped !== null) assert.deepEqual(stopped, job);
        const { status, reason } = job.end;
        if (reason === "exited") assert.ok(life.brief, `${status} ${reason}`);
        else assert.equal(status, "cancelled");
        if (reason === "stopped" || reason === "shutdown") seen[reason]++;
        if (cgroups) await assert.rejects(Deno.stat(`${root}/${life.jobId}`), Deno.errors.NotFound);
      }
      assert.deepEqual([...byId.keys()], [], "A start that was refused leaves no record");
      assert.deepEqual(await worker.list({}, { limit: 100 }), jobs);
      assert.equal(ends.size, jobs.length);
    }
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, what);
  });
}

Deno.test("Of two stops at once, in hundreds of jobs, both see the same end", async () => {
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
