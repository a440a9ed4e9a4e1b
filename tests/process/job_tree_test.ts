import { CgroupTree, type JobTree, SessionTree } from "../../lib/process/job_tree.ts";
import { ProcessGroups } from "../../lib/process/process_groups.ts";
import { assert } from "../assert.ts";
import { cgroupsIn } from "./cgroup_fixture.ts";
import { processStat, temporaryDirectory, until } from "../worker/fixture.ts";

const SHELLS = { setsid: "/usr/bin/setsid", sh: "/bin/sh" };

/** The process of a job, which ends by itself if no signal reaches it. */
function sleeper(): Deno.ChildProcess {
  return new Deno.Command("setsid", { args: ["sleep", "30"], stdin: "null", stdout: "null" })
    .spawn();
}

/** Sends a signal to a tree without a process, then to the one that it has got. */
async function reach(tree: JobTree, enter: () => Promise<unknown>): Promise<boolean[]> {
  const before = [await tree.signal("TERM"), await tree.signal("TERM")];
  await enter();
  return [...before, await tree.signal("TERM")];
}

Deno.test("CgroupTree.signal() repeats a signal that has reached nobody, and no other", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  await kept.cgroups.make("job", {});
  const procs = `${directory.path}/job/cgroup.procs`;
  const tree = new CgroupTree(kept.cgroups, "job");
  const child = sleeper();
  const reached = await reach(tree, () => Deno.writeTextFile(procs, `${child.pid}\n`));
  assert.deepEqual(reached, [false, false, true]);
  assert.equal((await child.status).signal, "SIGTERM");
  assert.equal(await tree.signal("TERM"), true, "It has had it");
  assert.equal(await tree.signalAgain("TERM"), false);
});

Deno.test("CgroupTree.signal() wakes suspended processes, and signalAgain() does not", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  await kept.cgroups.make("job", {});
  const tree = new CgroupTree(kept.cgroups, "job");
  const child = sleeper();
  await Deno.writeTextFile(`${directory.path}/job/cgroup.procs`, `${child.pid}\n`);
  const inState = (states: RegExp) =>
    until(async () => states.test((await processStat(child.pid))?.state ?? ""));
  child.kill("SIGSTOP");
  await inState(/T/);
  assert.equal(await tree.signalAgain("WINCH"), true);
  assert.equal((await processStat(child.pid))?.state, "T");
  assert.equal(await tree.signal("WINCH"), true);
  await inState(/[SR]/);
  child.kill("SIGKILL");
  await child.status;
});

Deno.test("SessionTree.signal() repeats a signal that has reached nobody, and no other", async () => {
  const sent: string[] = [];
  let exists = false;
  await using groups = new class extends ProcessGroups {
    override signal(signal: string): Promise<boolean> {
      sent.push(signal);
      return Promise.resolve(exists);
    }
    override liveGroups(session: number): Promise<number[]> {
      return Promise.resolve(exists ? [session] : []);
    }
  }(SHELLS);
  const tree = new SessionTree(groups, { pid: 4711, spawnedAt: 0 });
  const reached = await reach(tree, () => Promise.resolve(exists = true));
  assert.deepEqual(reached, [false, false, true]);
  assert.deepEqual(sent.splice(0), ["TERM", "TERM", "TERM", "CONT"]);
  assert.equal(await tree.signal("TERM"), true);
  assert.deepEqual(sent, [], "It has had it");
  assert.equal(await tree.signalAgain("TERM"), true);
  assert.deepEqual(sent, ["TERM"]);
});
