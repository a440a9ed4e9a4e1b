/** What an executor that is killed while processes wait for its next jobs leaves in the cgroup that others share. */

import { LocalExecutor } from "../../lib/executor/local_executor.ts";
import { LogLibrary } from "../../lib/log/log_library.ts";
import { Cgroups } from "../../lib/process/cgroups.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { assert } from "../assert.ts";
import { TOOLS } from "../process/tools.ts";
import { rootTest } from "../root.ts";
import { processStat, spareOf, temporaryDirectory, until } from "../worker/fixture.ts";
import { executorsIn } from "./executor_fixture.ts";
import { openWorker, start, type WorkerApart } from "./worker_fixture.ts";

/** The spare cgroups of an executor, each with the processes in it. */
async function sparesOf(executor: number): Promise<Map<string, string>> {
  await using shell = new ProcShell(TOOLS);
  const roots = (await shell.ask("cgroup_roots")).split(" ").filter((root) => root !== "");
  const spares = new Map<string, string>();
  for (const root of roots) {
    for await (const { name } of Deno.readDir(root)) {
      if (!name.startsWith("spare-") || name.split(".")[1] !== String(executor)) continue;
      const processes = await Deno.readTextFile(`${root}/${name}/cgroup.procs`).catch(() => "");
      spares.set(name, processes);
    }
  }
  return spares;
}

/** An executor that is suspended while processes wait for its next jobs. */
interface Suspended {
  readonly executor: number;
  readonly spares: readonly string[];
}

/** Starts jobs until processes wait for the next, and suspends the executor then: it would end them by and by. */
async function suspend({ worker }: WorkerApart, directory: string): Promise<Suspended> {
  return await until(async () => {
    await worker.wait(await start(worker, "exit 0"));
    const [executor = assert.fail("There is none")] = await executorsIn(directory);
    Deno.kill(executor, "SIGSTOP");
    const spares = [...await sparesOf(executor)].flatMap(([name, processes]) =>
      processes === "" ? [] : [name]
    );
    if (spares.length > 0) return { executor, spares };
    Deno.kill(executor, "SIGCONT");
    return undefined;
  });
}

rootTest("What a job has in a cgroup that was ready for it ends with its executor", async () => {
  await using directory = await temporaryDirectory();
  await using opened = await openWorker(directory.path);
  const { worker, executor: { containment } } = opened;
  if (containment !== "cgroup") return;
  const file = `${directory.path}/escaped`;
  // Only the cgroup tells whose it is.
  const script = `env -i setsid sh -c 'echo $$ >"$1"; exec sleep 1000' sh "${file}" & sleep 1000`;
  const { jobId, escaped } = await until(async () => {
    await worker.wait(await start(worker, "exit 0"));
    const jobId = await start(worker, script);
    const escaped = await until(async () =>
      Number(await Deno.readTextFile(file).catch(() => "")) || undefined
    );
    if (await spareOf(escaped) !== "") return { jobId, escaped };
    await worker.stop(jobId, { gracePeriodMs: 0 });
    await Deno.remove(file);
    return undefined;
  });
  const [executor = assert.fail("There is none")] = await executorsIn(directory.path);
  Deno.kill(executor, "SIGKILL");
  assert.equal((await worker.wait(jobId)).end?.reason, "lost");
  await worker.wait(await start(worker, "exit 0"));
  await until(async () => [undefined, "Z"].includes((await processStat(escaped))?.state));
  assert.deepEqual([...(await sparesOf(executor)).keys()], []);
});

rootTest(
  "LocalExecutor.adopt() ends what is in the cgroup that the record of a job names",
  async () => {
    await using directory = await temporaryDirectory();
    const onFault = (error: unknown) => assert.fail(String(error));
    await using logs = await LogLibrary.open(`${directory.path}/logs`);
    await using executor = await LocalExecutor.open({ logs, onFault });
    if (executor.containment !== "cgroup") return;
    await using shell = new ProcShell(TOOLS);
    const cgroups = await Cgroups.find(shell);
    assert.ok(cgroups);
    // This process has made it, and is there, so that nothing but the record says that its job is lost.
    const spare = await cgroups.makeSpare();
    const entry = cgroups.procsOf(spare);
    const left = new Deno.Command("sh", {
      args: ["-c", 'echo 0 >"$1" && exec sleep 1000', "sh", entry],
    }).spawn();
    await until(async () => (await Deno.readTextFile(entry)).includes(`${left.pid}\n`));
    const job = { jobId: crypto.randomUUID(), pid: 0, containment: "cgroup" } as const;
    await executor.adopt([{ job, processIdentity: spare }]);
    const isThere = await Deno.stat(entry).then(() => true, () => false);
    if (isThere) left.kill("SIGTERM");
    assert.equal((await left.status).signal, "SIGKILL");
    assert.equal(isThere, false);
  },
);

/** What comes after the death of an executor; the stack owns the worker. */
const NEXT: Readonly<
  Record<string, (opened: WorkerApart, owner: AsyncDisposableStack) => Promise<unknown>>
> = {
  "the next executor starts": async ({ worker }) =>
    await worker.wait(await start(worker, "exit 0")),
  "the daemon ends": (_, owner) => owner.disposeAsync(),
};

for (const [what, comesNext] of Object.entries(NEXT)) {
  rootTest(`Once ${what}, nothing is left of what a killed one had ready for jobs`, async () => {
    await using directory = await temporaryDirectory();
    await using elsewhere = await temporaryDirectory();
    await using owner = new AsyncDisposableStack();
    const opened = owner.use(await openWorker(directory.path));
    if (opened.executor.containment !== "cgroup") return;
    await using other = await openWorker(elsewhere.path);
    const { executor } = await suspend(opened, directory.path);
    const living = await suspend(other, elsewhere.path);
    try {
      Deno.kill(executor, "SIGKILL");
      await comesNext(opened, owner);
      assert.deepEqual([...(await sparesOf(executor)).keys()], []);
      const { spares } = living;
      const left = await sparesOf(living.executor);
      // Where a process still waits in it, too.
      assert.deepEqual(spares.filter((name) => (left.get(name) ?? "") === ""), []);
    } finally {
      Deno.kill(living.executor, "SIGCONT");
    }
  });
}
