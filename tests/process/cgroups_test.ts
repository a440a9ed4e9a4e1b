import { Cgroups } from "../../lib/process/cgroups.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { cgroupsIn, PlainFiles } from "./cgroup_fixture.ts";
import { rejection, temporaryDirectory } from "../worker/fixture.ts";

/** The files of a job's cgroup, by name. */
async function filesOf(directory: string): Promise<Record<string, string>> {
  const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
  const texts = names.map(async (name) => [name, await Deno.readTextFile(`${directory}/${name}`)]);
  return Object.fromEntries(await Promise.all(texts));
}

const NOTHING_KNOWN = { cpuMs: null, peakMemoryBytes: null, oomKills: null };

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
  const makes = [
    () => kept.cgroups.make("one", { processes: 1 }),
    () => gone.cgroups.make("two", {}),
  ];
  for (const make of makes) {
    const error = await rejection(make());
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
  assert.deepEqual(await kept.cgroups.remove("job"), NOTHING_KNOWN);
  assert.deepEqual(await filesOf(directory.path), {});
  assert.deepEqual(await kept.cgroups.remove("job"), NOTHING_KNOWN);
});

Deno.test("Cgroups.remove() needs no program, but for those that the job has made in it", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  const { cgroups, asked } = kept;
  await cgroups.make("job", {});
  cgroups.assign(await cgroups.makeSpare(), "later");
  for (const job of ["job", "later"]) {
    assert.deepEqual(await cgroups.remove(job), NOTHING_KNOWN);
  }
  assert.ok(!asked.includes("cgroup_remove"));
  await cgroups.make("job", {});
  await Deno.mkdir(`${directory.path}/job/a`);
  assert.deepEqual(await cgroups.remove("job"), NOTHING_KNOWN);
  assert.ok(asked.includes("cgroup_remove"));
  assert.deepEqual(await filesOf(directory.path), {});
});

Deno.test("Cgroups.signal() reaches the processes in a cgroup and below, and says if there are none", async () => {
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

Deno.test("Cgroups.kill() and remove() let the kernel say what is alive", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  await kept.cgroups.make("job", {});
  const events = `${directory.path}/job/cgroup.events`;
  await Deno.writeTextFile(events, "populated 1\nfrozen 0\n");
  assert.equal(await kept.cgroups.remove("job"), null);
  await kept.cgroups.kill("job");
  assert.equal(await Deno.readTextFile(`${directory.path}/job/cgroup.kill`), "1\n");
  await Deno.writeTextFile(events, "populated 0\nfrozen 0\n");
  assert.deepEqual(await kept.cgroups.remove("job"), NOTHING_KNOWN);
});

Deno.test("Cgroups of many jobs are made and removed at once, each as it was asked for", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path, "cpu", "memory", "pids");
  await Deno.mkdir(`${directory.path}/bad/pids.max`, { recursive: true });
  const names = Array.from({ length: 50 }, (_, index) => `job-${index}`);
  const making = names.map((name, index) => kept.cgroups.make(name, { processes: index + 1 }));
  const failing = rejection(kept.cgroups.make("bad", { processes: 1 }));
  await Promise.all(making);
  assert.match(String(await failing), /bad$/);
  for (const [index, name] of names.entries()) {
    assert.deepEqual(await filesOf(`${directory.path}/${name}`), { "pids.max": `${index + 1}\n` });
    await Deno.remove(`${directory.path}/${name}/pids.max`);
    if (index % 2 === 0) continue;
    await Deno.writeTextFile(`${directory.path}/${name}/cgroup.events`, "populated 1\n");
  }
  const removed = await Promise.all(names.map((name) => kept.cgroups.remove(name)));
  assert.deepEqual(removed, names.map((_, index) => index % 2 === 0 ? NOTHING_KNOWN : null));
  const left = (await Array.fromAsync(Deno.readDir(directory.path))).length;
  assert.equal(left, names.length / 2 + 1);
});

Deno.test("A cgroup that was made ahead is its job's as long as a process is in it", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  const { cgroups } = kept;
  const [spare, unused] = await Promise.all([cgroups.makeSpare(), cgroups.makeSpare()]);
  assert.ok(Cgroups.isSpare(spare), spare);
  cgroups.assign(spare, "job");
  assert.equal(cgroups.entryOf("job"), cgroups.procsOf(spare));
  const events = `${directory.path}/${spare}/cgroup.events`;
  await Deno.writeTextFile(events, "populated 1\n");
  assert.equal(await cgroups.remove("job"), null);
  await cgroups.removeSpare(unused);
  assert.equal(cgroups.entryOf("job"), cgroups.procsOf(spare));
  assert.equal(cgroups.entryOf("other"), `${directory.path}/other/cgroup.procs`);
  await Deno.remove(events);
  assert.deepEqual(await cgroups.remove("job"), NOTHING_KNOWN);
  assert.deepEqual(await filesOf(directory.path), {});
  assert.equal(cgroups.entryOf("job"), `${directory.path}/job/cgroup.procs`);
});

Deno.test("A cgroup that an executor of an older build had made ahead has one in it with the id of the job", async () => {
  await using directory = await temporaryDirectory();
  const [spare, jobId] = [`spare-${crypto.randomUUID()}`, crypto.randomUUID()];
  await Deno.mkdir(`${directory.path}/${spare}/${jobId}`, { recursive: true });
  // One that a job has made.
  await Deno.mkdir(`${directory.path}/${spare}/other`);
  await using kept = await cgroupsIn(directory.path);
  const { cgroups } = kept;
  await cgroups.findAssigned();
  assert.equal(cgroups.entryOf(jobId), cgroups.procsOf(spare));
  assert.equal(cgroups.entryOf("other"), `${directory.path}/other/cgroup.procs`);
  assert.deepEqual(await cgroups.remove(jobId), NOTHING_KNOWN);
  assert.deepEqual(await filesOf(directory.path), {});
});

Deno.test("Cgroups.isSpare() knows the names of Cgroups.makeSpare(), and nothing that a shell would take apart", () => {
  for (
    const name of [
      "spare-",
      "spare-a b",
      "spare-a/b",
      "spare-a\n",
      "boot:123",
      crypto.randomUUID(),
      "",
    ]
  ) {
    assert.ok(!Cgroups.isSpare(name), name);
  }
});

Deno.test("Spare cgroups of an executor that is gone are removed by the next, and no others", async () => {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path);
  const ours = await kept.cgroups.makeSpare();
  const [, namespace = "", pid = "", start = "", id = ""] =
    /^spare-(\d+)\.(\d+)\.(\d+)-([0-9a-f-]{36})$/.exec(ours) ?? [];
  assert.equal(Number(pid), Deno.pid);
  // No process can have this id, see proc_sys_kernel(5).
  const nobody = `${2 ** 22 + 1}`;
  const others = [
    `spare-${id}`,
    // Processes there have their ids for themselves.
    `spare-${Number(namespace) + 1}.${nobody}.${start}-${id}`,
    `spare-${namespace}.${nobody}.${start}-${id}/${id}`,
  ];
  const left = [
    `spare-${namespace}.${nobody}.${start}-1${id.slice(1)}`,
    // Its process id is another's now.
    `spare-${namespace}.${pid}.${Number(start) + 1}-${id}`,
    // Its job has made one in it.
    `spare-${namespace}.${nobody}.${start}-2${id.slice(1)}/inner`,
  ];
  for (const path of [...others, ...left]) {
    await Deno.mkdir(`${directory.path}/${path}`, { recursive: true });
  }
  await using _next = await cgroupsIn(directory.path);
  const names = (await Array.fromAsync(Deno.readDir(directory.path))).map(({ name }) => name);
  const expected = [ours, ...others.map((path) => path.replace(/\/.*/, ""))];
  assert.deepEqual(names.sort(), expected.sort());
});
