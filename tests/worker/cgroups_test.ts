import { Cgroups } from "../../lib/worker/cgroups.ts";
import { KernelShell } from "../../lib/worker/kernel_shell.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { rejection, temporaryDirectory } from "./fixture.ts";

/**
 * The kernel of this machine, with cgroups that are plain files in a directory: what is written to
 * them and read from them can be seen on machines without the controllers.
 */
class PlainFiles extends KernelShell {
  readonly #root: string;

  constructor(root: string) {
    super({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
    this.#root = root;
  }

  override ask(request: string): Promise<string> {
    return request === "cgroup_root" ? Promise.resolve(this.#root) : super.ask(request);
  }
}

/** Cgroups of a directory that has these controllers. */
async function cgroupsIn(path: string, ...controllers: readonly string[]) {
  const shell = new PlainFiles([path, ...controllers].join(" "));
  const cgroups = await Cgroups.find(shell);
  assert.ok(cgroups);
  return { cgroups, [Symbol.asyncDispose]: () => shell[Symbol.asyncDispose]() };
}

/** The files of a job's cgroup, by name. */
async function filesOf(directory: string): Promise<Record<string, string>> {
  const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
  const texts = names.map(async (name) => [name, await Deno.readTextFile(`${directory}/${name}`)]);
  return Object.fromEntries(await Promise.all(texts));
}

const LIMITS = { memoryBytes: 64 * 1024 * 1024, cpus: 1.5, processes: 10 };

Deno.test("Cgroups.find() finds none where the kernel offers none", async () => {
  await using shell = new PlainFiles("");
  assert.equal(await Cgroups.find(shell), null);
});

Deno.test("Cgroups.canLimit() goes by the controllers that are there", async () => {
  await using directory = await temporaryDirectory();
  await using all = await cgroupsIn(directory.path, "cpuset", "cpu", "memory", "pids");
  await using some = await cgroupsIn(directory.path, "memory");
  await using none = await cgroupsIn(directory.path);
  assert.ok(all.cgroups.canLimit(LIMITS));
  assert.ok(some.cgroups.canLimit({ memoryBytes: LIMITS.memoryBytes }));
  assert.ok(!some.cgroups.canLimit(LIMITS));
  assert.ok(!none.cgroups.canLimit({ processes: 1 }));
  assert.ok(none.cgroups.canLimit({}));
});

Deno.test("Cgroups.make() writes the limits, and nothing for those that were not asked for", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path, "cpu", "memory", "pids");
  await kept.cgroups.make("limited", LIMITS);
  await kept.cgroups.make("free", {});
  assert.deepEqual(await filesOf(`${directory.path}/limited`), {
    "cpu.max": "150000\n",
    "memory.max": "67108864\n",
    // Else what does not fit would only be moved.
    "memory.swap.max": "0\n",
    "pids.max": "10\n",
  });
  assert.deepEqual(await filesOf(`${directory.path}/free`), {});
  assert.equal(kept.cgroups.entryOf("free"), `${directory.path}/free/cgroup.procs`);
});

Deno.test("Cgroups.make() fails if a limit cannot be written or there is no room for it", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path, "pids");
  await Deno.mkdir(`${directory.path}/one/pids.max`, { recursive: true });
  await using gone = await cgroupsIn(`${directory.path}/gone`, "pids");
  for (const failed of [kept.cgroups.make("one", { processes: 1 }), gone.cgroups.make("two", {})]) {
    const error = await rejection(failed);
    assert.ok(error instanceof JobWorkerError && error.code === "unavailable", String(error));
  }
});

Deno.test("Cgroups.remove() reads what the job has used, and who was killed for want of memory", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path, "cpu", "memory");
  const write = (file: string, text: string) =>
    Deno.writeTextFile(`${directory.path}/job/${file}`, text);
  await kept.cgroups.make("job", {});
  await write("cpu.stat", "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n");
  await write("memory.peak", "4096\n");
  await write("memory.events", "low 0\nhigh 0\nmax 5\noom 2\noom_kill 3\noom_group_kill 0\n");
  assert.deepEqual(await kept.cgroups.remove("job"), {
    cpuMs: 1_235,
    peakMemoryBytes: 4_096,
    oomKills: 3,
  });
});

Deno.test("Cgroups.remove() leaves no cgroup, nor those that the job has made in it", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  await kept.cgroups.make("job", {});
  await Deno.mkdir(`${directory.path}/job/a/b`, { recursive: true });
  const nothing = { cpuMs: null, peakMemoryBytes: null, oomKills: null };
  assert.deepEqual(await kept.cgroups.remove("job"), nothing);
  assert.deepEqual(await filesOf(directory.path), {});
  assert.deepEqual(await kept.cgroups.remove("job"), nothing);
});

Deno.test("Cgroups.signal() reaches the processes in a cgroup and below, and tells of none", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  await kept.cgroups.make("job", {});
  assert.equal(await kept.cgroups.signal("job", "TERM"), false);
  const below = `${directory.path}/job/below`;
  await Deno.mkdir(below);
  // They end by themselves if no signal reaches them.
  const [outer, inner] = [1, 2].map(() =>
    new Deno.Command("sleep", { args: ["30"], stdin: "null", stdout: "null" }).spawn()
  );
  assert.ok(outer && inner);
  await Deno.writeTextFile(`${directory.path}/job/cgroup.procs`, `${outer.pid}\n`);
  await Deno.writeTextFile(`${below}/cgroup.procs`, `${inner.pid}\n`);
  assert.equal(await kept.cgroups.signal("job", "TERM"), true);
  const ends = await Promise.all([outer.status, inner.status]);
  assert.deepEqual(ends.map(({ signal }) => signal), ["SIGTERM", "SIGTERM"]);
  assert.equal(await kept.cgroups.signal("job", "TERM"), false);
});

Deno.test("Cgroups.kill() and isEmpty() leave it to the kernel", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  await kept.cgroups.make("job", {});
  const events = `${directory.path}/job/cgroup.events`;
  await Deno.writeTextFile(events, "populated 1\nfrozen 0\n");
  assert.equal(await kept.cgroups.isEmpty("job"), false);
  await kept.cgroups.kill("job");
  assert.equal(await Deno.readTextFile(`${directory.path}/job/cgroup.kill`), "1\n");
  await Deno.writeTextFile(events, "populated 0\nfrozen 0\n");
  assert.equal(await kept.cgroups.isEmpty("job"), true);
});
