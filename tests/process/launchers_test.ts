import { Cgroups } from "../../lib/process/cgroups.ts";
import { Launchers } from "../../lib/process/launchers.ts";
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

/** Launchers of which some wait already. */
async function openLaunchers(idleMs = 2 ** 30): Promise<Launchers> {
  const launchers = new Launchers({ tools: TOOLS, cgroups: null, idleMs });
  assert.equal(await launchers.start("a", SHELL), null);
  assert.equal(launchers.pids.length, 0, "A start by itself has none started");
  assert.equal(await launchers.start("b", SHELL), null);
  await until(() => Promise.resolve(launchers.pids.length === 2));
  return launchers;
}

Deno.test("Launchers are started once jobs come one after the other, and replaced as they are used", async () => {
  await using launchers = await openLaunchers();
  const pids = new Set<number>();
  for (let job = 0; job < 10; job++) {
    await until(() => Promise.resolve(launchers.pids.length === 2));
    const process = await launchers.start(`${job}`, SHELL);
    await outputOf(process);
    pids.add(process?.pid ?? 0);
  }
  assert.equal(pids.size, 10);
});

Deno.test("Launchers end when no job has come for a while", async () => {
  await using launchers = await openLaunchers(300);
  await until(() => Promise.resolve(launchers.pids.length === 0));
  assert.equal(await launchers.start("c", SHELL), null);
});

Deno.test("A launcher that somebody has killed is not used, and leaves nothing", async () => {
  await using launchers = await openLaunchers();
  for (const pid of launchers.pids) Deno.kill(pid, "SIGKILL");
  await until(() => Promise.resolve(launchers.pids.length === 0));
  assert.equal(await launchers.start("c", SHELL), null);
  await until(() => Promise.resolve(launchers.pids.length === 2));
});

Deno.test("A launcher that cannot be started leaves no cgroup, and the start goes on without it", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  const tools = { ...TOOLS, setsid: `${directory.path}/nowhere` };
  await using launchers = new Launchers({ tools, cgroups: kept.cgroups });
  let made = 0;
  const makeSpare = kept.cgroups.makeSpare.bind(kept.cgroups);
  kept.cgroups.makeSpare = () => {
    made++;
    return makeSpare();
  };
  for (const jobId of ["a", "b"]) assert.equal(await launchers.start(jobId, SHELL), null);
  await until(() => Promise.resolve(made === 1));
  await launchers[Symbol.asyncDispose]();
  assert.deepEqual(await Array.fromAsync(Deno.readDir(directory.path)), []);
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
      assert.equal(await launchers.start("c", kind), null);
      await until(async () =>
        launchers.pids.length <= 4 && await waitingAs(kind.user.uid, launchers) >= 2
      );
    }
    assert.equal(launchers.pids.length, 4);
    const dynamic = { ...SHELL, user: { uid: 3, gid: 3, isDynamic: true } };
    assert.equal(await launchers.start("d", dynamic), null);
    const identity = { ...SHELL, user: { uid: 3, gid: 3 }, program: "/usr/bin/id", args: ["-u"] };
    assert.equal(await outputOf(await launchers.start("e", identity)), "3\n");
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
    const launchers = new Launchers({ tools: TOOLS, cgroups, idleMs: 2 ** 30 });
    const jobId = crypto.randomUUID();
    const sleep = { ...SHELL, args: ["-c", "cat /proc/self/cgroup; setsid sleep 1000 & exit"] };
    for (const id of ["a", "b"]) assert.equal(await launchers.start(id, sleep), null);
    await until(() => Promise.resolve(launchers.pids.length === 2));
    const process = await launchers.start(jobId, sleep);
    assert.ok(process);
    const { value } = await process.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
    assert.match(value ?? "", /^0::.*\/job-worker\/spare-[0-9a-f-]{36}$/m);
    await Promise.all([process.exit, process.stderr.cancel()]);
    await launchers[Symbol.asyncDispose]();
    const later = await Cgroups.find(groups.shell);
    assert.ok(later);
    assert.equal(later.entryOf(jobId).includes("spare-"), false);
    await later.findAssigned();
    assert.equal(later.entryOf(jobId), cgroups.entryOf(jobId));
    assert.equal(await later.remove(jobId), null, "It still holds a process");
    await later.kill(jobId);
    await until(async () => await later.remove(jobId) !== null);
    await assert.rejects(Deno.stat(cgroups.entryOf(jobId)), Deno.errors.NotFound);
  },
);

rootTest("What a launcher was made to start while it waited ends with it", async () => {
  await using groups = new ProcessGroups(TOOLS);
  const cgroups = await Cgroups.find(groups.shell);
  if (cgroups === null) return;
  await using launchers = new Launchers({ tools: TOOLS, cgroups, idleMs: 2 ** 30 });
  for (const id of ["a", "b"]) assert.equal(await launchers.start(id, SHELL), null);
  await until(() => Promise.resolve(launchers.pids.length === 2));
  const [pid] = launchers.pids;
  const spare = await until(async () =>
    /spare-[0-9a-f-]+$/m.exec(await Deno.readTextFile(`/proc/${pid}/cgroup`))?.[0]
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
