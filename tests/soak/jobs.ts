/**
 * `deno task soak:jobs [--jobs=10000] [--at-once=16]`: jobs of every kind, many at a time, through a
 * worker in this process. Prints what is held before and after, and fails if anything was left: a
 * process, a zombie, a descriptor, a cgroup, or memory that only grows.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { JobWorkerError } from "../../lib/errors.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { type Command, type ExecutionRequest, type Job, Worker } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { processesOf } from "../end_to_end/process.ts";
import { allProcesses, BOTH, cgroupsOf, FROM_START, rejection } from "../worker/fixture.ts";
import { heldBy, heldText } from "./figures.ts";

/** What a job's own record may cost in memory, where no database keeps it. */
const MAX_MORE_MEMORY_PER_JOB = 2 * 1024;
/** What V8 and malloc keep for the next time: it grows for some thousand jobs, then no more. */
const MAX_MORE_MEMORY = 150e6;

const given = parseArgs(Deno.args, {
  string: ["jobs", "at-once"],
  default: { jobs: "10000", "at-once": "16" },
  unknown: (arg) => assert.fail(`Unknown argument "${arg}": there are --jobs and --at-once`),
});
const count = numberOf("jobs");
const atOnce = numberOf("at-once");

function numberOf(name: keyof typeof given): number {
  const number = Number(given[name]);
  assert.ok(number >= 1 && number <= 1_000_000, `--${name} is a number from 1 to 1000000`);
  return number;
}

const encoder = new TextEncoder();
const startedAt = performance.now();
function say(text: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  Deno.stdout.writeSync(encoder.encode(`${seconds} s  ${text}\n`));
}

const dataDirectory = await Deno.makeTempDir({ prefix: "job-worker-soak-" });
const faults: unknown[] = [];
const worker = await Worker.open({ dataDirectory, onFault: (fault) => void faults.push(fault) });
const jobIds: string[] = [];

async function start(
  command: Pick<Command, "name"> & Partial<Command>,
  execution: ExecutionRequest = {},
): Promise<Job> {
  const job = await worker.start({ command, owner: "soak", execution });
  jobIds.push(job.jobId);
  return job;
}

function sh(script: string, execution: ExecutionRequest = {}): Promise<Job> {
  return start({ name: "sh", args: ["-c", script] }, execution);
}

/** Checks how a job ends. */
async function ends(
  started: Promise<Job>,
  reason: string,
  exitStatus?: NonNullable<Job["end"]>["exitStatus"],
): Promise<void> {
  const { jobId, end } = await worker.wait((await started).jobId);
  assert.equal(end?.reason, reason, jobId);
  if (exitStatus !== undefined) assert.deepEqual(end.exitStatus, exitStatus, jobId);
}

/** Each starts a job, sees to its end, and checks it. */
const KINDS: Readonly<Record<string, () => Promise<void>>> = {
  done: () => ends(start({ name: "true" }), "exited", { code: 0 }),
  failed: () => ends(sh("exit 3"), "exited", { code: 3 }),
  killed: () => ends(sh("kill -KILL $$"), "signaled", { signal: "SIGKILL" }),
  "killed by a real-time signal": () => ends(sh("kill -40 $$"), "signaled"),
  printing: async () => {
    const job = await sh("head -c 100000 /dev/zero; head -c 5000 /dev/zero >&2");
    let bytes = 0;
    const options = { start: FROM_START, streams: BOTH, follow: true };
    for await (const { records } of worker.readLog(job.jobId, options)) {
      for (const { data } of records) bytes += data.length;
    }
    assert.equal(bytes, 105_000);
  },
  "read by somebody who leaves": async () => {
    const job = await sh("echo hi; sleep 0.02; echo ho");
    const options = { start: FROM_START, streams: BOTH, follow: true };
    for await (const _ of worker.readLog(job.jobId, options)) break;
    await ends(Promise.resolve(job), "exited", { code: 0 });
  },
  stopped: async () => {
    const { jobId } = await sh("sleep 1000 & sleep 1000");
    const { end } = await worker.stop(jobId);
    assert.deepEqual([end?.status, end?.reason], ["cancelled", "stopped"]);
  },
  "stopped, deaf to SIGTERM": async () => {
    const { jobId } = await sh("trap '' TERM; while :; do sleep 0.05; done");
    const { end } = await worker.stop(jobId, { gracePeriodMs: 20 });
    assert.equal(end?.reason, "stopped");
  },
  "out of time": () =>
    ends(start({ name: "sleep", args: ["1000"] }, { timeoutMs: 20, gracePeriodMs: 20 }), "timeout"),
  "leaving children behind": () =>
    ends(sh("sleep 1000 & (sleep 1000 &) ; echo hi"), "exited", { code: 0 }),
  "leaving its session": () =>
    // It ends soon by itself where no cgroup holds it.
    ends(sh("setsid sleep 0.5 >/dev/null 2>&1 & exit 0"), "exited", { code: 0 }),
  "reading its input": async () => {
    const { jobId } = await sh("exec wc -c", { hasInput: true });
    assert.equal(await worker.writeInput(jobId, 0, new Uint8Array(100_000)), 100_000);
    await worker.closeInput(jobId);
    await ends(worker.wait(jobId), "exited", { code: 0 });
  },
  "closing its input": async () => {
    const { jobId } = await sh("exec <&-; sleep 0.02", { hasInput: true });
    // It may end before, or take what fits into the pipe.
    await worker.writeInput(jobId, 0, new Uint8Array(200_000)).catch((error) =>
      assert.ok(error instanceof JobWorkerError, String(error))
    );
    await ends(worker.wait(jobId), "exited", { code: 0 });
  },
  "with umask, niceness and a limit": () =>
    ends(sh("umask", { umask: "077", nice: 5, limits: { memoryBytes: 2 ** 30 } }), "exited"),
  signalled: async () => {
    const { jobId } = await sh("trap 'exit 4' USR1; echo ready; while :; do sleep 0.01; done");
    const options = { start: FROM_START, streams: BOTH, follow: true };
    for await (const { records } of worker.readLog(jobId, options)) {
      if (records.length > 0) break;
    }
    await worker.signal(jobId, "SIGUSR1");
    await ends(worker.wait(jobId), "exited", { code: 4 });
  },
  "that cannot start": async () => {
    const error = await rejection(start({ name: "no-such-program" }));
    assert.ok(error instanceof JobWorkerError && error.code === "failed_precondition");
  },
};

/** Runs a number of jobs, the kinds in turn. */
async function soak(jobs: number): Promise<void> {
  const kinds = Object.entries(KINDS);
  let next = 0;
  const some = async () => {
    while (next < jobs) {
      const number = next++;
      const [name, run] = kinds[number % kinds.length] ?? ["", () => Promise.resolve()];
      try {
        await run();
      } catch (error) {
        throw new Error(`A job ${name}`, { cause: error });
      }
      if (number > 0 && number % 1000 === 0) {
        say(`${number} jobs: ${heldText(await heldBy(Deno.pid))}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, some));
}

/** Where jobs get their cgroups; `null` where they get none. */
async function cgroupRoot(): Promise<string | null> {
  await using shell = new ProcShell({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
  return (await shell.ask("cgroup_root")).split(" ")[0] || null;
}

try {
  const root = await cgroupRoot();
  say(
    `${count} jobs of ${Object.keys(KINDS).length} kinds, ${atOnce} at a time; ` +
      (root === null ? "process groups, no cgroups" : `cgroups in ${root}`),
  );
  // Each kind once, so that what is loaded for the first time does not count as growth.
  await soak(10 * Object.keys(KINDS).length);
  const before = await heldBy(Deno.pid);
  say(`before: ${heldText(before)}`);
  const since = performance.now();
  await soak(count);
  const rate = count / (performance.now() - since) * 1000;
  const after = await heldBy(Deno.pid);
  say(`after: ${heldText(after)}; ${rate.toFixed(0)} jobs/s`);

  const zombies = (await allProcesses()).filter(({ parent, state }) =>
    parent === Deno.pid && state === "Z"
  );
  // Without a cgroup nobody is to blame for what left its session.
  const alive = root === null ? [] : await processesOf(jobIds);
  const cgroups = root === null ? [] : await cgroupsOf(jobIds.map((jobId) => ({ jobId })));
  say(
    `left: ${zombies.length} zombies, ${alive.length} processes, ${cgroups.length} cgroups, ` +
      `${after.descriptors - before.descriptors} descriptors, ${faults.length} faults`,
  );
  assert.deepEqual({ zombies, alive, cgroups, faults }, {
    zombies: [],
    alive: [],
    cgroups: [],
    faults: [],
  });
  assert.ok(after.descriptors <= before.descriptors, "Descriptors were left open");
  const more = after.memory - before.memory;
  assert.ok(
    more <= MAX_MORE_MEMORY + count * MAX_MORE_MEMORY_PER_JOB,
    `${more} bytes of memory more than before`,
  );
} finally {
  await worker[Symbol.asyncDispose]();
  await Deno.remove(dataDirectory, { recursive: true });
}
