/**
 * Starts, stops, ends and a shutdown at random moments.
 *
 * @module
 */

import { Cgroups } from "../../lib/process/cgroups.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { Job } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { seeded } from "../random.ts";
import { cgroupsOf, liveProcesses, TestWorker } from "./fixture.ts";

const random = seeded("worker races");

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
export async function cgroupRoot(): Promise<string | null> {
  await using shell = new ProcShell({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
  const cgroups = await Cgroups.find(shell);
  return cgroups?.entryOf("x").replace("/x/cgroup.procs", "") ?? null;
}

/** Waits until some moment of the next 40 ms. */
export async function atRandom<T>(act: () => Promise<T>): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, random() * 40));
  return await act();
}

export function pick<T>(choices: readonly T[], index: number): T {
  const choice = choices[index % choices.length];
  assert.ok(choice !== undefined);
  return choice;
}

/** Starts, stops and ends jobs at random moments, and shuts the worker down meanwhile, so many times. */
export async function raceShutdown(
  { rounds, cgroups }: { readonly rounds: number; readonly cgroups: boolean },
): Promise<void> {
  const seen = { refused: 0, started: 0, stopped: 0, shutdown: 0 };
  for (let round = 0; round < rounds; round++) {
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
    const shutdown = worker.shutdown({ gracePeriodMs: pick([0, 20], round) });
    // At least this one comes too late, however fast the others are.
    lives.push(live(JOBS));
    await shutdown;
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
    }
    if (cgroups) assert.deepEqual(await cgroupsOf(jobs), []);
    assert.deepEqual([...byId.keys()], [], "A start that was refused leaves no record");
    assert.deepEqual(await worker.list({}, { limit: 100 }), jobs);
    assert.equal(ends.size, jobs.length);
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, what);
}
