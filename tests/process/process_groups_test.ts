import { fileURLToPath } from "node:url";
import type { ExitStatus } from "../../lib/job/types.ts";
import { ProcessGroups } from "../../lib/process/process_groups.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import {
  allProcesses,
  processStat,
  rejection,
  temporaryDirectory,
  until,
} from "../worker/fixture.ts";
import { shownAsZombie, WITHOUT_FIRST_THREAD } from "./first_thread.ts";

const OPTIONS = { setsid: "/usr/bin/setsid", sh: "/bin/sh" };

/** A process id that nobody has: it is beyond the largest that Linux gives. */
const NO_GROUP = 4_194_305;

/** A process in a session of its own that waits for its input to end, as the leader of others. */
class Leader implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly pid: number;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.pid = child.pid;
  }

  /** Starts a program once it leads its session. */
  static async start(program: string, ...args: readonly string[]): Promise<Leader> {
    const command = new Deno.Command(OPTIONS.setsid, {
      args: [program, ...args],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    });
    const leader = new Leader(command.spawn());
    await until(async () => (await processStat(leader.pid))?.session === leader.pid);
    return leader;
  }

  /** How it ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    await this.status;
  }
}

/** The shell behind a {@linkcode ProcessGroups} of this process, once it is one. */
function shellPid(): Promise<number> {
  return until(async () => {
    for (const { pid, parent, state } of await allProcesses()) {
      if (parent !== Deno.pid || state === "Z") continue;
      const commandLine = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
      if (commandLine.endsWith("\0job-worker\0")) return pid;
    }
    return false;
  });
}

Deno.test("ProcessGroups.signal() reaches the group, and says if there is none", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  await using leader = await Leader.start("cat");
  assert.equal(await groups.signal("TERM", NO_GROUP), false);
  assert.equal(await groups.signal("TERM", leader.pid), true);
  assert.equal((await leader.status).signal, "SIGTERM");
  assert.equal(await groups.signal("TERM", leader.pid), false);
});

Deno.test("ProcessGroups.signal() takes a number for a real-time signal", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  await using leader = await Leader.start(
    "bash",
    "-c",
    "trap 'exit 7' 34; while :; do read -t 0.01; done",
  );
  await until(async () => {
    const status = await Deno.readTextFile(`/proc/${leader.pid}/status`);
    const caught = /SigCgt:\t(\w+)/.exec(status)?.[1] ?? "";
    return (BigInt(`0x${caught}`) & (1n << 33n)) !== 0n;
  });
  assert.equal(await groups.signal("34", leader.pid), true);
  assert.equal((await leader.status).code, 7);
});

Deno.test("ProcessGroups.liveGroups() finds each group of a session", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  assert.deepEqual(await groups.liveGroups(NO_GROUP), []);
  await using leader = await Leader.start("bash", "-c", "set -m; cat <&0 & cat <&0 & wait");
  const found = await until(async () => {
    const live = await groups.liveGroups(leader.pid);
    return live.length === 3 && live;
  });
  assert.ok(found.includes(leader.pid));
  for (const group of found) await groups.signal("KILL", group);
  await leader.status;
  await until(async () => (await groups.liveGroups(leader.pid)).length === 0);
});

Deno.test("ProcessGroups.liveGroups() finds as much of a session that is known to be young", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  const since = performance.now();
  await using leader = await Leader.start("bash", "-c", "set -m; cat <&0 & cat <&0 & wait");
  await using other = await Leader.start("cat");
  const found = await until(async () => {
    const live = await groups.liveGroups(leader.pid, since);
    return live.length === 3 && live;
  });
  assert.deepEqual(found.toSorted(), (await groups.liveGroups(leader.pid)).toSorted());
  assert.deepEqual(await groups.liveGroups(other.pid, since), [other.pid]);
  for (const group of found) await groups.signal("KILL", group);
  await leader.status;
  await until(async () => (await groups.liveGroups(leader.pid, since)).length === 0);
});

Deno.test("ProcessGroups.liveGroups() looks at no process that is known to lead another session, as long as it lives", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  const since = performance.now();
  await using leader = await Leader.start("bash", "-c", "set -m; cat <&0 & wait");
  const all = await until(async () => {
    const live = await groups.liveGroups(leader.pid, since);
    return live.length === 2 && live;
  });
  // Whoever says so of a process that does not is believed.
  const [pid = 0] = all.filter((group) => group !== leader.pid);
  const ended = Promise.withResolvers<ExitStatus>();
  groups.addLeader({ pid, exit: ended.promise });
  assert.deepEqual(await groups.liveGroups(leader.pid, since), [leader.pid]);
  assert.deepEqual((await groups.liveGroups(leader.pid)).toSorted(), all.toSorted());
  ended.resolve({ code: 0 });
  await ended.promise;
  assert.deepEqual((await groups.liveGroups(leader.pid, since)).toSorted(), all.toSorted());
  for (const group of all) await groups.signal("KILL", group);
});

for (const how of ["anew", "elsewhere"]) {
  const what = how === "anew" ? "whose ids have begun anew" : "where /proc tells others' last id";
  // Only root can make a PID namespace, and say which id comes next there.
  rootTest(`ProcessGroups.liveGroups() finds all of a young session ${what}`, async () => {
    await using directory = await temporaryDirectory();
    const program = fileURLToPath(import.meta.resolve("./odd_process_ids.ts"));
    const { stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        ...["--pid", "--fork", "--kill-child", "--mount-proc", Deno.execPath(), "run", "--quiet"],
        ...["--no-check", "--allow-all", program, how, directory.path],
      ],
      // It would say which one it has chosen.
      env: { JOB_WORKER_SEED: "1" },
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(decode(stderr), "");
    const { leader, found } = JSON.parse(decode(stdout));
    assert.equal(found.length, 2);
    assert.equal(found.some((group: number) => group < leader), how === "anew");
  });
}

Deno.test("ProcessGroups.liveGroups() answers many at once, each with its own", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  await using one = await Leader.start("cat");
  await using two = await Leader.start("cat");
  const sessions = [one.pid, two.pid, NO_GROUP];
  const asked = Array.from({ length: 30 }, (_, index) => sessions[index % 3] ?? 0);
  const answers = await Promise.all(asked.map((session) => groups.liveGroups(session)));
  assert.deepEqual(answers, asked.map((session) => session === NO_GROUP ? [] : [session]));
});

Deno.test("ProcessGroups.liveGroups() does not count zombies", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  // The leader becomes cat, which reaps nobody: what setsid started stays behind as a zombie.
  await using leader = await Leader.start("sh", "-c", "setsid true & exec cat");
  const zombie = await until(async () =>
    (await allProcesses()).find(({ parent, state }) => parent === leader.pid && state === "Z")
  );
  assert.notEqual(zombie.session, leader.pid);
  assert.equal(await groups.signal("CONT", zombie.session), true, "It is still a group");
  assert.deepEqual(await groups.liveGroups(zombie.session), []);
  assert.deepEqual(await groups.liveGroups(leader.pid), [leader.pid]);
});

Deno.test("ProcessGroups.liveGroups() counts a process of which only the first thread has ended", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  await using leader = await Leader.start(...WITHOUT_FIRST_THREAD);
  await until(() => shownAsZombie(leader.pid));
  const live = await groups.liveGroups(leader.pid);
  assert.equal(await groups.signal("KILL", leader.pid), true);
  await leader.status;
  assert.deepEqual([live, await groups.liveGroups(leader.pid)], [[leader.pid], []]);
});

Deno.test("ProcessGroups understands /proc/PID/stat whatever the program is called", async () => {
  await using temporary = await temporaryDirectory();
  await using groups = new ProcessGroups(OPTIONS);
  for (const name of [") Z 1 1 1 1", "a\n) Z 1\n(b", "* ?", "(((", "\\n", "%s\xff", ")\n"]) {
    const path = `${temporary.path}/${name}`;
    await Deno.writeTextFile(path, "#!/bin/sh\nread -r line\n", { mode: 0o755 });
    await using leader = await Leader.start(path);
    const comm = () => Deno.readTextFile(`/proc/${leader.pid}/comm`);
    await until(async () => name.startsWith((await comm()).slice(0, -1)));
    assert.deepEqual(await groups.liveGroups(leader.pid), [leader.pid], JSON.stringify(name));
    assert.match(await groups.identityOf(leader.pid), /^[0-9a-f-]{36}:\d+$/);
  }
});

Deno.test("ProcessGroups.identityOf() tells processes apart that have the same id", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  await using leader = await Leader.start("cat");
  const identity = await groups.identityOf(leader.pid);
  const boot = (await Deno.readTextFile("/proc/sys/kernel/random/boot_id")).trim();
  const stat = await Deno.readTextFile(`/proc/${leader.pid}/stat`);
  assert.equal(identity, `${boot}:${stat.split(" ")[21]}`);
  assert.equal(await groups.identityOf(leader.pid), identity);
  assert.notEqual(await groups.identityOf(Deno.pid), identity);
  assert.equal(await groups.identityOf(NO_GROUP), "");
});

Deno.test("ProcessGroups.access() takes a path as it is", async () => {
  await using temporary = await temporaryDirectory();
  await using groups = new ProcessGroups(OPTIONS);
  for (const name of [" a  b ", "a\tb\\", "-x", "$HOME `id` '\"", "|", "*", "ü"]) {
    const path = `${temporary.path}/${name}`;
    await Deno.writeTextFile(path, "");
    await Deno.chmod(path, 0o644);
    assert.deepEqual(await groups.access([path]), [{ kind: "file", usable: false }], name);
    await Deno.chmod(path, 0o755);
    assert.deepEqual(await groups.access([path]), [{ kind: "file", usable: true }], name);
  }
});

Deno.test("ProcessGroups.access() tells of many paths in their order, and of no other request", async () => {
  await using temporary = await temporaryDirectory();
  await using groups = new ProcessGroups(OPTIONS);
  const { path } = temporary;
  await Deno.symlink("/bin/sh", `${path}/link`);
  await Deno.mkdir(`${path}/x\n99 kill 1`);
  const paths = [path, `${path}/nope`, `${path}/link`, "/dev/null", "", `${path}/x\n99 kill 1`];
  const expected = [
    { kind: "directory", usable: true },
    { kind: null, usable: false },
    { kind: "file", usable: true },
    { kind: "other", usable: false },
    { kind: null, usable: false },
    { kind: null, usable: false },
  ];
  const long = `${path}/${"./".repeat(2048)}link`;
  assert.deepEqual(await groups.access([...paths, long]), [...expected, expected[1]]);
  const many = Array.from({ length: 20 }, () => paths).flat();
  assert.deepEqual(
    await groups.access(many),
    many.map((_, index) => expected[index % paths.length]),
  );
  assert.deepEqual(await groups.access([]), []);
});

Deno.test("ProcessGroups starts its shell again when somebody kills it, and loses no question", async () => {
  await using groups = new ProcessGroups(OPTIONS);
  await using leader = await Leader.start("cat");
  for (let round = 0; round < 5; round++) {
    assert.equal(await groups.signal("CONT", leader.pid), true);
    const shell = await shellPid();
    const asked = Array.from({ length: 20 }, () => groups.signal("CONT", leader.pid));
    Deno.kill(shell, "SIGKILL");
    asked.push(groups.signal("CONT", leader.pid));
    assert.deepEqual(await Promise.all(asked), Array(21).fill(true));
    assert.notEqual(await shellPid(), shell);
  }
});

Deno.test("ProcessGroups says so when its shell cannot stay alive", async () => {
  await using groups = new ProcessGroups({ ...OPTIONS, sh: "/bin/false" });
  const error = await rejection(groups.signal("TERM", NO_GROUP));
  assert.match(String(error), /ends at every start/);
});

Deno.test("ProcessGroups ends its shell when it is disposed of, and answers first", async () => {
  const groups = new ProcessGroups(OPTIONS);
  const asked = groups.signal("TERM", NO_GROUP);
  const shell = await shellPid();
  await groups[Symbol.asyncDispose]();
  assert.equal(await asked, false);
  assert.equal(await processStat(shell), null);
  assert.match(String(await rejection(groups.liveGroups(1))), /already closed/);
});

Deno.test("ProcessGroups leaves no question open when its shell is killed as it closes", async () => {
  const groups = new ProcessGroups(OPTIONS);
  await groups.signal("TERM", NO_GROUP);
  Deno.kill(await shellPid(), "SIGSTOP");
  const asked = groups.signal("TERM", NO_GROUP).catch(String);
  const closing = groups[Symbol.asyncDispose]();
  Deno.kill(await shellPid(), "SIGKILL");
  await closing;
  assert.match(String(await asked), /ended unasked/);
});
