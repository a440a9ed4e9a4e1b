import { messageOf } from "../../lib/errors.ts";
import { Cgroups } from "../../lib/process/cgroups.ts";
import { Launchers, type LaunchersOptions } from "../../lib/process/launchers.ts";
import { ProcessGroups } from "../../lib/process/process_groups.ts";
import type { Process, ProcessSpec } from "../../lib/process/process.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { cgroupsIn } from "./cgroup_fixture.ts";
import { SPEC } from "./spec.ts";
import { TOOLS } from "./tools.ts";

const SHELL: ProcessSpec = {
  ...SPEC,
  program: "/bin/sh",
  args: ["-c", "cat /proc/self/cgroup"],
};

/** The output of a process that has ended. */
async function outputOf(process: Process | null): Promise<string> {
  assert.ok(process, "A launcher became it");
  const [stdout] = await Promise.all([
    new Response(process.stdout).text(),
    process.stderr.cancel(),
    process.exit,
  ]);
  return stdout;
}

/** Starts a job as an executor does: the process that a launcher has become, if there was one. */
async function startIn(
  launchers: Launchers,
  jobId: string,
  spec: ProcessSpec,
): Promise<Process | null> {
  const launched = await launchers.start(jobId, spec);
  launchers.expectAnother(jobId, spec, Promise.resolve());
  return launched?.process ?? null;
}

const OPTIONS: LaunchersOptions = {
  tools: TOOLS,
  cgroups: null,
  identify: () => Promise.resolve(""),
  onFault: (error) => {
    throw error;
  },
  idleMs: 2 ** 30,
};

/** Launchers of which some wait already. */
async function openLaunchers(options: Partial<LaunchersOptions> = {}): Promise<Launchers> {
  const launchers = new Launchers({ ...OPTIONS, ...options });
  assert.equal(await startIn(launchers, "a", SHELL), null);
  assert.equal(launchers.pids.length, 0, "A start by itself has none started");
  assert.equal(await startIn(launchers, "b", SHELL), null);
  await until(() => Promise.resolve(launchers.pids.length === 2));
  return launchers;
}

Deno.test("Launchers are started once jobs come one after the other, and replaced as they are used", async () => {
  await using launchers = await openLaunchers();
  const pids = new Set<number>();
  for (let job = 0; job < 10; job++) {
    await until(() => Promise.resolve(launchers.pids.length === 2));
    const process = await startIn(launchers, `${job}`, SHELL);
    await outputOf(process);
    pids.add(process?.pid ?? 0);
  }
  assert.equal(pids.size, 10);
});

Deno.test("Launchers are started soon, too, after a job that gets nowhere", async () => {
  await using launchers = new Launchers(OPTIONS);
  const never = new Promise<void>(() => {});
  for (const job of ["a", "b"]) launchers.expectAnother(job, SHELL, never);
  await until(() => Promise.resolve(launchers.pids.length === 2));
});

Deno.test("Launchers end when no job has come for a while", async () => {
  await using launchers = await openLaunchers({ idleMs: 300 });
  await until(() => Promise.resolve(launchers.pids.length === 0));
  assert.equal(await startIn(launchers, "c", SHELL), null);
});

Deno.test("A launcher that somebody has killed is not used, and leaves nothing", async () => {
  await using launchers = await openLaunchers();
  for (const pid of launchers.pids) Deno.kill(pid, "SIGKILL");
  await until(() => Promise.resolve(launchers.pids.length === 0));
  assert.equal(await startIn(launchers, "c", SHELL), null);
  await until(() => Promise.resolve(launchers.pids.length === 2));
});

Deno.test("A launcher that cannot be started leaves no cgroup, and the start goes on without it", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  const faults: string[] = [];
  await using launchers = new Launchers({
    ...OPTIONS,
    tools: { ...TOOLS, setsid: `${directory.path}/nowhere` },
    cgroups: kept.cgroups,
    onFault: (error, jobId) => void faults.push(`${jobId}: ${messageOf(error)}`),
  });
  let made = 0;
  const makeSpare = kept.cgroups.makeSpare.bind(kept.cgroups);
  kept.cgroups.makeSpare = () => {
    made++;
    return makeSpare();
  };
  assert.equal(await startIn(launchers, "a", SHELL), null);
  // Each time another is tried, and what prevents it is told once.
  for (const [before, jobId] of ["b", "c", "d"].entries()) {
    await until(async () => {
      assert.equal(await startIn(launchers, jobId, SHELL), null);
      return made > before;
    });
  }
  await launchers[Symbol.asyncDispose]();
  assert.deepEqual(await Array.fromAsync(Deno.readDir(directory.path)), []);
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? "", /^[a-d]: Cannot have a process ready for the next job: .*nowhere/);
});

Deno.test("What a launcher leaves that cannot be removed is told once, and keeps nobody from closing", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  kept.cgroups.removeSpare = () => Promise.reject(new Error("busy"));
  const faults: string[] = [];
  const launchers = await openLaunchers({
    cgroups: kept.cgroups,
    onFault: (error) => void faults.push(messageOf(error)),
  });
  await launchers[Symbol.asyncDispose]();
  assert.deepEqual(faults, ["Cannot clean up after a process that was ready for a job: busy"]);
});

Deno.test("No start waits for the identity of a launcher, which is asked for ahead of time", async () => {
  const asked: number[] = [];
  await using launchers = await openLaunchers({
    identify: ({ pid }) => {
      asked.push(pid);
      return Promise.resolve(`identity of ${pid}`);
    },
  });
  assert.deepEqual(asked, launchers.pids);
  const launched = await launchers.start("c", SHELL);
  await outputOf(launched?.process ?? null);
  assert.equal(launched?.identity, `identity of ${launched?.process.pid}`);
  assert.equal(asked.length, 2);
});

Deno.test("What is aborted has no process, and ends the launcher that it would have been", async () => {
  await using launchers = await openLaunchers();
  const pids = launchers.pids;
  await assert.rejects(
    launchers.start("c", SHELL, { signal: AbortSignal.abort(new Error("gone")) }),
    /gone/,
  );
  const left = await Promise.all(
    pids.map((pid) => Deno.stat(`/proc/${pid}`).then(() => 1, () => 0)),
  );
  assert.deepEqual(left.sort(), [0, 1]);
});

rootTest(
  "Launchers are only used for jobs with their rights, and there are four at most",
  async () => {
    await using launchers = await openLaunchers();
    const kinds = [1, 2, 3].map((id) => ({ ...SHELL, user: { uid: id, gid: id } }));
    for (const kind of [...kinds, { ...SHELL, user: { uid: 3, gid: 3 }, newPrivileges: false }]) {
      assert.equal(await startIn(launchers, "c", kind), null);
      await until(async () =>
        launchers.pids.length <= 4 && await waitingAs(kind.user.uid, launchers) >= 2
      );
    }
    assert.equal(launchers.pids.length, 4);
    const dynamic = { ...SHELL, user: { uid: 3, gid: 3, isDynamic: true } };
    assert.equal(await startIn(launchers, "d", dynamic), null);
    const identity = { ...SHELL, user: { uid: 3, gid: 3 }, program: "/usr/bin/id", args: ["-u"] };
    assert.equal(await outputOf(await startIn(launchers, "e", identity)), "3\n");
  },
);

/** How many launchers wait with the rights of a user. */
async function waitingAs(uid: number, { pids }: Launchers): Promise<number> {
  const statuses = pids.map((pid) => Deno.readTextFile(`/proc/${pid}/status`).catch(() => ""));
  return (await Promise.all(statuses)).filter((text) => text.includes(`\nUid:\t${uid}\t`)).length;
}

rootTest(
  "A launcher has its cgroup ahead of time, by which a later executor finds the job",
  async () => {
    await using groups = new ProcessGroups(TOOLS);
    const cgroups = await Cgroups.find(groups.shell);
    if (cgroups === null) return;
    const launchers = new Launchers({ ...OPTIONS, cgroups });
    const jobId = crypto.randomUUID();
    const sleep = { ...SHELL, args: ["-c", "cat /proc/self/cgroup; setsid sleep 1000 & exit"] };
    for (const id of ["a", "b"]) assert.equal(await startIn(launchers, id, sleep), null);
    await until(() => Promise.resolve(launchers.pids.length === 2));
    const launched = await launchers.start(jobId, sleep);
    assert.ok(launched);
    const { process, identity } = launched;
    const { value } = await process.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
    assert.match(value ?? "", /^0::.*\/job-worker\/spare-[0-9.]+-[0-9a-f-]{36}$/m);
    await Promise.all([process.exit, process.stderr.cancel()]);
    await launchers[Symbol.asyncDispose]();
    const later = await Cgroups.find(groups.shell);
    assert.ok(later);
    assert.equal(later.entryOf(jobId).includes("spare-"), false);
    const [, spare] = /\/(spare-[^/]+)\n/.exec(value ?? "") ?? [];
    assert.equal(identity, spare);
    later.assign(identity, jobId);
    assert.equal(later.entryOf(jobId), cgroups.entryOf(jobId));
    assert.equal(await later.remove(jobId), null, "It still holds a process");
    await later.kill(jobId);
    await until(async () => await later.remove(jobId) !== null);
    await assert.rejects(Deno.stat(cgroups.entryOf(jobId)), Deno.errors.NotFound);
  },
);

rootTest("A spare cgroup that does not say whose it is is removed once it is old", async () => {
  await using groups = new ProcessGroups(TOOLS);
  const cgroups = await Cgroups.find(groups.shell);
  if (cgroups === null) return;
  // As executors of older builds name them.
  const [old, recent] = [`spare-${crypto.randomUUID()}`, `spare-${crypto.randomUUID()}`];
  for (const spare of [old, recent]) await cgroups.make(spare, {});
  const ours = await cgroups.makeSpare();
  const isThere = (spare: string) =>
    Deno.stat(cgroups.procsOf(spare)).then(() => true, () => false);
  const longAgo = new Date(Date.now() - 600_000);
  for (const spare of [old, ours]) {
    await Deno.utime(cgroups.procsOf(spare).replace(/\/[^/]+$/, ""), longAgo, longAgo);
  }
  await Cgroups.find(groups.shell);
  const left = await Promise.all([old, recent, ours].map(isThere));
  for (const spare of [recent, ours]) await cgroups.removeSpare(spare);
  assert.deepEqual(left, [false, true, true]);
});

rootTest("What a launcher was made to start while it waited ends with it", async () => {
  await using groups = new ProcessGroups(TOOLS);
  const cgroups = await Cgroups.find(groups.shell);
  if (cgroups === null) return;
  await using launchers = new Launchers({ ...OPTIONS, cgroups });
  for (const id of ["a", "b"]) assert.equal(await startIn(launchers, id, SHELL), null);
  await until(() => Promise.resolve(launchers.pids.length === 2));
  const [pid] = launchers.pids;
  const spare = await until(async () =>
    /spare-[0-9a-f.-]+$/m.exec(await Deno.readTextFile(`/proc/${pid}/cgroup`))?.[0]
  );
  const entry = cgroups.procsOf(spare);
  const stray = new Deno.Command(TOOLS.sh, {
    args: ["-c", 'echo 0 >"$1" && exec sleep 1000', "sh", entry],
  }).spawn();
  await until(async () => (await Deno.readTextFile(entry)).includes(`${stray.pid}\n`));
  await launchers[Symbol.asyncDispose]();
  const isThere = await Deno.stat(entry).then(() => true, () => false);
  if (isThere) stray.kill();
  assert.equal((await stray.status).signal, "SIGKILL");
  assert.equal(isThere, false);
});
