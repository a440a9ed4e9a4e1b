import { SqliteStore } from "../../../lib/store/sqlite_store.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import type { Executor } from "../../../lib/executor/executor.ts";
import type { Job } from "../../../lib/job/types.ts";
import { Worker } from "../../../lib/worker/mod.ts";
import { assert } from "../../assert.ts";
import { childrenOfExecutors, executorsIn, openKeeper } from "../../daemon/executor_fixture.ts";
import { processesOf } from "../../end_to_end/process.ts";
import { soon } from "../../soon.ts";
import { cgroupsOf, temporaryDirectory, until } from "../../worker/fixture.ts";

/** The steps of a job at which its executor may die. */
type Step =
  | "while it is prepared"
  | "once it is prepared"
  | "once it is recorded"
  | "while it is launched"
  | "before its process is recorded"
  | "while it runs"
  | "before its end is recorded";

/**
 * What becomes of a job whose executor is killed then: nothing at all, or its reason. The next executor runs what
 * was not made yet.
 */
const STEPS: Readonly<Record<Step, "stopped" | "nothing" | "lost" | "exited">> = {
  "while it is prepared": "stopped",
  "once it is prepared": "nothing",
  "once it is recorded": "nothing",
  "while it is launched": "nothing",
  "before its process is recorded": "lost",
  "while it runs": "lost",
  "before its end is recorded": "exited",
};

/** Leaves a process in a session of its own. */
const LEAVER = "setsid sleep 1000 & wait";

/** A worker that halts at each step until the test has done there what it wants to. */
async function openWorker(
  directory: string,
  settings: { readonly home: string; readonly cgroups: boolean },
  at: (step: Step | "before it is prepared") => Promise<void>,
) {
  const faults: string[] = [];
  const onFault = (error: unknown) => void faults.push(String(error));
  const keeper = await openKeeper(directory, { onFault, settings });
  const executor: Executor = {
    containment: keeper.containment,
    prepare: async (request) => {
      await at("before it is prepared");
      const prepared = keeper.prepare(request);
      prepared.catch(() => {});
      await at("while it is prepared");
      await prepared;
      await at("once it is prepared");
      return await prepared;
    },
    launch: async (jobId, options) => {
      const launched = keeper.launch(jobId, options);
      launched.catch(() => {});
      await at("while it is launched");
      return await launched;
    },
    abandon: (jobId) => keeper.abandon(jobId),
    adopt: (jobs) => keeper.adopt(jobs),
    [Symbol.asyncDispose]: () => keeper[Symbol.asyncDispose](),
  };
  const store = await SqliteStore.open(`${directory}/jobs.db`);
  const put = store.put.bind(store);
  store.put = async (job: Job, processIdentity) => {
    if (job.pid !== 0) {
      await at(job.end === null ? "before its process is recorded" : "before its end is recorded");
    }
    await put(job, processIdentity);
    if (job.pid === 0) await at("once it is recorded");
  };
  const worker = await Worker.open({ dataDirectory: directory, store, executor, onFault });
  return {
    worker,
    faults,
    [Symbol.asyncDispose]: async () => {
      await worker[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Kills the executors of a data directory, and waits until they are gone. */
async function killExecutors(directory: string): Promise<void> {
  const executors = await executorsIn(directory);
  assert.equal(executors.length, 1);
  for (const pid of executors) Deno.kill(pid, "SIGKILL");
  await until(async () => !(await executorsIn(directory)).some((pid) => executors.includes(pid)));
}

/** Has what the executors ask the kernel by answer no more. */
async function stopShells(directory: string): Promise<number[]> {
  const stopped: number[] = [];
  for (const { pid } of await childrenOfExecutors(directory)) {
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    if (!line.includes("PROC_SHELL")) continue;
    Deno.kill(pid, "SIGSTOP");
    stopped.push(pid);
  }
  return stopped;
}

/** The steps at which it matters whether a launcher has become the job. */
const WITH_PROCESS: readonly Step[] = [
  "while it is launched",
  "before its process is recorded",
  "while it runs",
];

const CASES = (Object.entries(STEPS) as [Step, string][]).flatMap(([step, fate]) =>
  // The identity of a process, which takes long enough to die meanwhile, is asked for only without cgroups.
  (step === "while it is launched" ? [false] : [true, false]).flatMap((cgroups) =>
    (WITH_PROCESS.includes(step) ? [false, true] : [false]).map((isAhead) =>
      [step, fate, cgroups, isAhead] as const
    )
  )
);

for (const [step, fate, cgroups, isAhead] of CASES) {
  const how = `${cgroups ? "cgroups" : "process groups"}${isAhead ? ", a launcher" : ""}`;
  Deno.test(`Of a job whose executor is killed ${step} nothing runs on (${how}): ${fate}`, async () => {
    let isWarm = !isAhead;
    await using directory = await temporaryDirectory();
    const { path } = directory;
    const note = `${path}/note`;
    let halted: Step | null = null;
    let shells: number[] = [];
    await using opened = await openWorker(path, { home: "/", cgroups }, async (at) => {
      if (halted !== null || !isWarm) return;
      if (step === "while it is prepared" && at === "before it is prepared") {
        for (const pid of await executorsIn(path)) Deno.kill(pid, "SIGSTOP");
      }
      if (step === "while it is launched" && at === "once it is recorded") {
        shells = await stopShells(path);
      }
      if (at !== step) return;
      halted = at;
      // It has its process, and the executor waits for what identifies that.
      if (shells.length > 0) await until(() => Deno.stat(note).then(() => true, () => false));
      await killExecutors(path);
      // These are leaders of sessions of their own, and would stay stopped.
      for (const pid of shells) Deno.kill(pid, "SIGKILL");
    });
    const { worker } = opened;
    if (isAhead) await haveLauncher(worker, path);
    isWarm = true;
    const confirmed: string[] = [];
    // Where a stop by its process group reaches all of it, and otherwise also what has left that.
    const ends = fate === "exited" ? "exit 7" : fate === "stopped" ? "sleep 1000 & wait" : LEAVER;
    const start = worker.start({
      command: { name: "sh", args: ["-c", `echo run >>"$0"; ${ends}`, note] },
      owner: "alice",
      requestId: "one",
      confirm: (job) => Promise.resolve(void confirmed.push(job.jobId)),
    });
    if (fate === "nothing") {
      await assert.rejects(soon(start, () => "the start"), (error) => {
        assert.ok(error instanceof JobWorkerError, String(error));
        return error.code === "unavailable";
      });
      assert.deepEqual(await worker.list({ owner: "alice" }, { limit: 10 }), []);
      assert.deepEqual(confirmed, []);
    } else {
      const job = await soon(start, () => "the start");
      if (step === "while it runs") await killExecutors(path);
      if (fate === "stopped") await worker.stop(job.jobId);
      const { end } = await soon(worker.wait(job.jobId), () => "the end");
      assert.equal(end?.reason, fate);
      if (fate === "lost") assert.equal(end?.exitStatus, null);
      if (fate === "exited") assert.deepEqual(end?.exitStatus, { code: 7 });
      assert.deepEqual(
        (await worker.list({ owner: "alice" }, { limit: 10 })).map(({ jobId }) => jobId),
        [
          job.jobId,
        ],
      );
      assert.deepEqual(confirmed, [job.jobId]);
    }
    const runs = await Deno.readTextFile(note).catch(() => "");
    if (fate === "exited") assert.equal(runs, "run\n");
    assert.ok(runs === "" || runs === "run\n", runs);
    const ids = (await Array.fromAsync(Deno.readDir(`${path}/logs`))).map(({ name }) => name);
    assert.deepEqual(ids, [], "It has printed nothing");
    // The next start has an executor again.
    const { jobId } = await worker.start({
      command: { name: "sh", args: ["-c", "exit 3"] },
      owner: "alice",
    });
    assert.deepEqual((await worker.wait(jobId)).end?.exitStatus, { code: 3 });
    const before = (await worker.list({}, { limit: 10 })).map(({ jobId }) => jobId);
    assert.deepEqual(await processesOf(before), []);
    assert.deepEqual(await sleepers(note), []);
    assert.deepEqual(await cgroupsOf(await worker.list({}, { limit: 10 })), []);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${path}/outcomes`)), []);
    assert.deepEqual(opened.faults, []);
  });
}

/** Starts jobs one after the other until a launcher waits for the next. */
async function haveLauncher(worker: Worker, directory: string): Promise<void> {
  await until(async () => {
    const { jobId } = await worker.start({ command: { name: "true" }, owner: "warm" });
    await worker.wait(jobId);
    const children = await childrenOfExecutors(directory);
    const variables = await Promise.all(
      children.map(({ pid }) => Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "")),
    );
    return variables.some((text) => text.includes("JOB_LAUNCHER="));
  });
}

/** The processes of jobs that were told of this file: each has it in its command line. */
async function sleepers(note: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (line.includes(note)) found.push(Number(name));
  }
  return found;
}
