import { ProcShell } from "../../lib/process/proc_shell.ts";
import { assert } from "../assert.ts";
import { TestProcess } from "../end_to_end/process.ts";
import { rootTest } from "../root.ts";
import { UNPACKED_BY_ROOT, WITH_OWN_VAR_CACHE } from "../var_cache.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";

/** A run of careless tests, with its temporary directory in this one. */
function run(directory: string, filter: string, before: readonly string[] = []): TestProcess {
  const file = (name: string) => `${import.meta.dirname}/${name}`;
  const args = ["short", file("careless.ts"), "--no-check", `--filter=/^${filter}$/`];
  return new TestProcess(
    [...before, Deno.execPath(), "run", "--no-check", "--allow-all", file("run.ts"), ...args],
    { env: { TMPDIR: directory, JOB_WORKER_TIMEOUT_MS: "300" } },
  );
}

/** What runs with this temporary directory, or in it. */
async function processesIn(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const [cwd, variables] = await Promise.all([
      Deno.readLink(`/proc/${name}/cwd`).catch(() => ""),
      Deno.readTextFile(`/proc/${name}/environ`).catch(() => ""),
    ]);
    if (`${cwd}\0${variables}`.includes(directory)) found.push(name);
  }
  return found;
}

async function canMakeCgroups(): Promise<boolean> {
  await using shell = new ProcShell({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
  return await shell.ask("cgroup_root") !== "";
}

/** The paths of the files in a directory, and in those in it. */
async function filesBelow(directory: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("find", { args: [directory, "-type", "f"] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

Deno.test("A run of tests that leave nothing behind passes", async () => {
  await using directory = await temporaryDirectory();
  await using process = run(directory.path, "clean");
  const { code, stderr } = await process.finished();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^Random choices come from JOB_WORKER_SEED=-?\d+\n$/);
});

for (
  const [what, left] of [
    ["process", /^Left behind by the tests: process \d+: sleep 1000$/m],
    ["cgroup", /^Left behind by the tests: cgroup \/.*\/job-worker\/[0-9a-f-]{36}$/m],
    ["file", /^Left behind by the tests: file \/.*\/forgotten$/m],
  ] as const
) {
  // Where cgroups cannot be made, none can be left.
  const ignore = what === "cgroup" && !await canMakeCgroups();
  const name = `A run of tests that leave a ${what} behind fails, names and removes it`;
  Deno.test({
    name,
    ignore,
    fn: async () => {
      await using directory = await temporaryDirectory();
      await using process = run(directory.path, what);
      const { code, stdout, stderr } = await process.finished();
      assert.match(stdout, /1 passed/);
      assert.equal(code, 1, stderr);
      assert.match(stderr, left);
      assert.deepEqual(await processesIn(directory.path), []);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(directory.path)), []);
    },
  });
}

rootTest(
  "A run of tests as root that leave a small disk behind fails and unmounts it",
  async () => {
    await using directory = await temporaryDirectory();
    await using process = run(directory.path, "mount");
    const { code, stderr } = await process.finished();
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^Left behind by the tests: file \/.*\/mounted$/m);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(directory.path)), []);
  },
);

rootTest(
  "A run of tests as root that unpack something for everybody fails and names it",
  async () => {
    await using directory = await temporaryDirectory();
    await using process = run(directory.path, "unpacked", WITH_OWN_VAR_CACHE);
    const { code, stderr } = await process.finished();
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      new RegExp(`^Left behind by the tests: file ${UNPACKED_BY_ROOT}/program$`, "m"),
    );
  },
);

Deno.test("A run that fails although no test has says which deno test it was, and how it ended", async () => {
  await using directory = await temporaryDirectory();
  await using process = run(directory.path, "late");
  const { code, stdout, stderr } = await process.finished();
  assert.match(stdout, /^late \.\.\. ok /m);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^deno test \S+careless\.ts --no-check --filter=\S+: exit status 1\n$/m);
});

Deno.test("A run of tests that crashes says so, and leaves nothing running", async () => {
  await using directory = await temporaryDirectory();
  await using process = run(directory.path, "crash");
  const { code, stderr } = await process.finished();
  assert.notEqual(code, 0);
  assert.match(stderr, /^deno test .*: ended by SIGKILL$/m);
  assert.deepEqual(await processesIn(directory.path), []);
});

/** The process ids of a run: of `run.ts`, and of `keeper.ts` below it. */
async function keeperOf(pid: number): Promise<number> {
  return Number(await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`));
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  for (const whom of ["run.ts", "its keeper"]) {
    Deno.test(`${signal} to ${whom} leaves nothing running`, async () => {
      await using directory = await temporaryDirectory();
      await using process = run(directory.path, "endless");
      await until(async () =>
        (await filesBelow(directory.path)).some((path) => /running$/.test(path))
      );
      const keeper = await keeperOf(process.pid);
      Deno.kill(whom === "run.ts" ? process.pid : keeper, signal);
      await until(async () => (await processesIn(directory.path)).length === 0);
      await until(async () => (await Array.fromAsync(Deno.readDir(directory.path))).length === 0);
      assert.notEqual((await process.finished()).code, 0);
    });
  }
}
