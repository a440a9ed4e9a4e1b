import { Cgroups } from "../../lib/process/cgroups.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { assert } from "../assert.ts";
import { niceness } from "../niceness.ts";
import { rootTest } from "../root.ts";
import {
  BOTH,
  FROM_START,
  killEscaped,
  liveProcesses,
  processStat,
  rejection,
  spareOf,
  TestWorker,
  textOf,
  until,
} from "./fixture.ts";

const TOOLS = { setsid: "/usr/bin/setsid", sh: "/bin/sh" };

/** Whether this machine lets us make cgroups; where it does not, those tests are reported as skipped. */
const cgroupsHere = await (async () => {
  await using shell = new ProcShell(TOOLS);
  return await Cgroups.find(shell) !== null;
})();

function cgroupTest(name: string, run: () => Promise<void>): void {
  const skipped = cgroupsHere ? "" : " (skipped: no cgroup v2 that we may write)";
  Deno.test({ name: name + skipped, ignore: !cgroupsHere, fn: run });
}

/** A daemon by the book: it forks twice, leaves the session, and holds none of the job's files. */
const DAEMON =
  '(setsid sh -c \'echo $$ >"$1"; trap : TERM; while :; do sleep 0.1; done\' sh "$1" ' +
  '</dev/null >/dev/null 2>&1 &); until [ -s "$1" ]; do sleep 0.01; done';

async function daemonOf(test: TestWorker, script: string): Promise<{ jobId: string; pid: number }> {
  const file = `${test.directory}/daemon.pid`;
  const job = await test.sh(script, file);
  const pid = await until(async () =>
    Number(await Deno.readTextFile(file).catch(() => "")) || undefined
  );
  return { jobId: job.jobId, pid };
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await processStat(pid);
  // Nobody may reap it here.
  return stat !== null && stat.state !== "Z";
}

cgroupTest("A daemonised grandchild ends with its job, and so does the cgroup", async () => {
  await using test = await TestWorker.open();
  const { jobId, pid } = await daemonOf(test, DAEMON);
  const job = await test.worker.wait(jobId);
  assert.equal(job.containment, "cgroup");
  assert.equal(job.end?.status, "done");
  assert.equal(await isAlive(pid), false);
  assert.equal(job.outputTruncated, false);
  assert.ok((job.usage?.cpuMs ?? -1) >= 0);
});

cgroupTest("Worker.stop() ends what has left the session and ignores SIGTERM", async () => {
  await using test = await TestWorker.open();
  const { jobId, pid } = await daemonOf(test, `${DAEMON}; sleep 1000`);
  const job = await test.worker.stop(jobId, { gracePeriodMs: 50 });
  assert.equal(job.end?.reason, "stopped");
  assert.equal(await isAlive(pid), false);
});

cgroupTest(
  "A job enters its cgroup before the first instruction, and leaves none behind",
  async () => {
    await using shell = new ProcShell(TOOLS);
    await using test = await TestWorker.open();
    const [root = ""] = (await shell.ask("cgroup_root")).split(" ");
    const job = await test.ran('cat /proc/self/cgroup; mkdir -p "$1"', `${root}/ignored`);
    const { stdout } = await test.read(job.jobId);
    assert.match(stdout, new RegExp(`^0::.*/${job.jobId}$`, "m"));
    await assert.rejects(Deno.stat(`${root}/${job.jobId}`), Deno.errors.NotFound);
    await Deno.remove(`${root}/ignored`);
  },
);

cgroupTest(
  "A job whose cgroup was made ahead of it is stopped as any other, and leaves nothing",
  async () => {
    await using test = await TestWorker.open();
    await using shell = new ProcShell(TOOLS);
    const [root = ""] = (await shell.ask("cgroup_root")).split(" ");
    const { spare, jobId, pid } = await until(async () => {
      await test.ran("exit");
      const daemon = await daemonOf(test, `${DAEMON}; sleep 1000`);
      const spare = await spareOf(daemon.pid);
      if (spare !== "") return { spare, ...daemon };
      await test.worker.stop(daemon.jobId, { gracePeriodMs: 50 });
      await Deno.remove(`${test.directory}/daemon.pid`);
      return undefined;
    });
    const job = await test.worker.stop(jobId, { gracePeriodMs: 50 });
    assert.equal(job.end?.reason, "stopped");
    assert.equal(await isAlive(pid), false);
    await assert.rejects(Deno.stat(`${root}/${spare}`), Deno.errors.NotFound);
  },
);

cgroupTest("A job may have cgroups of its own", async () => {
  await using shell = new ProcShell(TOOLS);
  await using test = await TestWorker.open();
  const [root = ""] = (await shell.ask("cgroup_root")).split(" ");
  const script = 'own="$1/$JOB_ID/inner"; mkdir "$own"; sleep 1000 & echo $! >"$own/cgroup.procs"';
  const job = await test.ran(script, root);
  assert.equal(job.end?.status, "done");
  await assert.rejects(Deno.stat(`${root}/${job.jobId}`), Deno.errors.NotFound);
});

Deno.test("Without cgroups a daemonised grandchild lives on, and the status says what is reached", async () => {
  await using test = await TestWorker.open({ cgroups: false });
  const { jobId, pid } = await daemonOf(test, DAEMON);
  const job = await test.worker.wait(jobId);
  assert.equal(job.containment, "process_group");
  assert.equal(job.usage, null);
  assert.equal(await isAlive(pid), true);
  await killEscaped(String(pid));
});

for (const cgroups of cgroupsHere ? [true, false] : [false]) {
  const how = cgroups ? "in a cgroup" : "in a process group";

  Deno.test(`A job ${how} keeps the variables that a shell would change`, async () => {
    await using test = await TestWorker.open({ cgroups });
    const env = {
      "a.b": "1",
      PWD: "/nowhere-at-all",
      IFS: "x",
      OLDPWD: "",
      LD_BIND_NOW: "1",
      _: "u",
    };
    const job = await test.start({ name: "env", env, workingDirectory: "/" });
    const { stdout } = await test.read(job.jobId);
    const names = stdout.trim().split("\n").map((line) => line.split("=")[0]).sort();
    assert.deepEqual(names, [...Object.keys(env), "HOME", "JOB_ID", "LANG", "PATH"].sort());
    assert.match(stdout, /^PWD=\/nowhere-at-all$/m);
  });

  Deno.test(`A job ${how} whose time is up is ended, with that reason`, async () => {
    await using test = await TestWorker.open({ cgroups });
    const job = await test.start({
      name: "sh",
      args: ["-c", "trap : TERM; while :; do sleep 0.01; done"],
    }, {
      execution: { timeoutMs: 100, gracePeriodMs: 50 },
    });
    const { end } = await test.worker.wait(job.jobId);
    assert.deepEqual([end?.status, end?.reason], ["failed", "timeout"]);
    assert.deepEqual(end?.exitStatus, { signal: "SIGKILL" });
    assert.deepEqual(await liveProcesses([job.pid]), []);
  });

  Deno.test(`Worker.signal() reaches every process of a job ${how}, and leaves it running`, async () => {
    await using test = await TestWorker.open({ cgroups });
    // A process may be told twice, once while it starts a sleep: who was told is what counts.
    const script =
      'trap "echo $0 got USR1" USR1; trap "echo $0 got USR2" USR2; echo $0 is ready; ' +
      "while :; do sleep 0.01; done 2>/dev/null";
    const job = await test.sh('sh -c "$1" child & exec sh -c "$1" leader', script);
    const printed = async (words: string) => {
      const options = { start: FROM_START, streams: BOTH, follow: false };
      const batches = await Array.fromAsync(test.worker.readLog(job.jobId, options));
      const text = textOf(batches.flatMap(({ records }) => records));
      return ["child", "leader"].every((who) => text.includes(`${who} ${words}\n`));
    };
    await until(() => printed("is ready"));
    for (const signal of ["USR1", "USR2"] as const) {
      await test.worker.signal(job.jobId, `SIG${signal}`);
      await until(() => printed(`got ${signal}`));
    }
    assert.equal((await test.worker.get(job.jobId)).end, null);
  });
}

Deno.test("Worker.update() gives a running job more time, or ends it", async () => {
  await using test = await TestWorker.open();
  const job = await test.start({ name: "sleep", args: ["1000"] }, {
    execution: { timeoutMs: 60_000 },
  });
  assert.equal((await test.worker.update(job.jobId, 120_000)).execution.timeoutMs, 120_000);
  assert.equal((await test.worker.update(job.jobId, 0)).execution.timeoutMs, 0);
  await test.worker.update(job.jobId, 1);
  assert.equal((await test.worker.wait(job.jobId)).end?.reason, "timeout");
  assert.match(String(await rejection(test.worker.update(job.jobId, 1))), /already ended/);
});

Deno.test("A worker gives jobs a time limit, and none above the maximum", async () => {
  await using test = await TestWorker.open({ timeoutMs: 5_000, maxTimeoutMs: 10_000 });
  const job = await test.start({ name: "true" });
  assert.equal(job.execution.timeoutMs, 5_000);
  const tooLong = { execution: { timeoutMs: 10_001 } };
  assert.match(
    String(await rejection(test.start({ name: "true" }, tooLong))),
    /Invalid timeout 10s1ms: .* no job run longer than 10s$/,
  );
});

Deno.test("Worker.update() gives no job more time than the maximum, nor unlimited time", async () => {
  await using test = await TestWorker.open({ maxTimeoutMs: 600_000 });
  const { jobId, execution } = await test.start({ name: "sleep", args: ["1000"] });
  assert.equal(execution.timeoutMs, 600_000, "a job that does not say has the longest");
  assert.match(
    String(await rejection(test.worker.update(jobId, 0))),
    /Invalid timeout none: .* longer than 10m$/,
  );
  assert.match(
    String(await rejection(test.worker.update(jobId, 600_001))),
    /Invalid timeout 10m1ms: /,
  );
  assert.equal((await test.worker.get(jobId)).execution.timeoutMs, 600_000);
  assert.equal((await test.worker.update(jobId, 599_999)).execution.timeoutMs, 599_999);
});

Deno.test("A limit that cannot be kept fails the start", async () => {
  await using test = await TestWorker.open({ cgroups: false });
  const start = (limits: object) =>
    rejection(test.start({ name: "true" }, { execution: { limits } }));
  assert.match(String(await start({ cpus: 1 })), /Cannot limit cpus/);
  if (Deno.uid() === 0) assert.match(String(await start({ processes: 9 })), /does not bind root/);
  assert.match(String(await start({ memoryBytes: 5 })), /Invalid memory limit 5/);
  assert.match(String(await start({ cpus: 0 })), /Invalid cpu limit 0/);
  assert.deepEqual(await test.worker.list({}, { limit: 1 }), []);
});

Deno.test("Without the controller each process has its memory limit", async () => {
  await using test = await TestWorker.open({ cgroups: false });
  const limits = { memoryBytes: 64 * 1024 * 1024 };
  const job = await test.start({ name: "sh", args: ["-c", "ulimit -v"] }, {
    execution: { limits },
  });
  assert.equal((await test.read(job.jobId)).stdout, "65536\n");
  assert.deepEqual(job.execution.limits, limits);
});

Deno.test("A job has the umask and niceness that were asked for", async () => {
  await using test = await TestWorker.open();
  const job = await test.start({ name: "sh", args: ["-c", "umask; nice"] }, {
    execution: { umask: "027", nice: 7 },
  });
  assert.equal((await test.read(job.jobId)).stdout, `0027\n${niceness(7)}\n`);
});

rootTest("A job of a root worker runs as the user that policy and request say", async () => {
  await using test = await TestWorker.open({
    jobUser: "nobody",
    allowUsers: ["daemon"],
  });
  const script = "id -un; id -Gn; echo $HOME";
  const idOf = async (user: string) => {
    const job = await test.start({ name: "sh", args: ["-c", script], workingDirectory: "/" }, {
      execution: { user },
    });
    assert.equal(job.execution.user, user || "nobody");
    return (await test.read(job.jobId)).stdout;
  };
  assert.equal(await idOf(""), "nobody\nnogroup\n/nonexistent\n");
  assert.equal(await idOf("daemon"), "daemon\ndaemon\n/usr/sbin\n");
  const refused = (user: string) =>
    rejection(test.start({ name: "true" }, { execution: { user } }));
  assert.match(String(await refused("root")), /daemon does not allow it/);
  assert.match(String(await refused("../x")), /Invalid user/);
});

Deno.test("A job is as likely to be killed for want of memory as any other process", async () => {
  await using test = await TestWorker.open();
  const file = "/proc/self/oom_score_adj";
  const own = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, "321");
  try {
    const job = await test.sh(`cat ${file}`);
    const { stdout, stderr } = await test.read(job.jobId);
    assert.deepEqual([stdout, stderr], ["0\n", ""]);
  } finally {
    await Deno.writeTextFile(file, own);
  }
});

Deno.test("What is written to a job's input reaches it, each byte once, and then its end", async () => {
  await using test = await TestWorker.open();
  const job = await test.start({ name: "sh", args: ["-c", "cat; echo end"] }, {
    execution: { hasInput: true },
  });
  const bytes = (text: string) => new TextEncoder().encode(text);
  assert.equal(await test.worker.writeInput(job.jobId, 0, bytes("hello ")), 6);
  // A client repeats a write after a broken connection.
  assert.equal(await test.worker.writeInput(job.jobId, 0, bytes("hello ")), 6);
  assert.equal(await test.worker.writeInput(job.jobId, 3, bytes("lo world\n")), 12);
  const gap = await rejection(test.worker.writeInput(job.jobId, 13, bytes("x")));
  assert.match(String(gap), /only 12 bytes were written so far/);
  await test.worker.closeInput(job.jobId);
  assert.equal((await test.read(job.jobId)).stdout, "hello world\nend\n");
  assert.match(String(await rejection(test.worker.closeInput(job.jobId))), /already ended/);
});

Deno.test("A job that does not read holds up its writer, and ends in spite of it", async () => {
  await using test = await TestWorker.open();
  const job = await test.start({ name: "sleep", args: ["1000"] }, {
    execution: { hasInput: true },
  });
  let accepted = 0;
  const writing = (async () => {
    const piece = new Uint8Array(64 * 1024);
    for (;;) accepted = await test.worker.writeInput(job.jobId, accepted, piece);
  })();
  const refused = rejection(writing);
  await until(() => Promise.resolve(accepted > 0));
  await test.worker.stop(job.jobId);
  assert.match(String(await refused), /input of the job is closed|already ended/);
  assert.ok(accepted < 1024 * 1024, `${accepted} bytes were taken from the writer`);
});

Deno.test("A job without an input reads end-of-file, and takes none", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("cat; echo end; sleep 1000");
  await test.printed(job.jobId, "end");
  const refused = await rejection(test.worker.writeInput(job.jobId, 0, new Uint8Array(1)));
  assert.match(String(refused), /started without an input/);
});
