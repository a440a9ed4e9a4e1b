import { assert } from "../../assert.ts";
import { niceness } from "../../niceness.ts";
import { randomBytes, sha256 } from "../../worker/fixture.ts";
import { sharedDaemon, TestDaemon } from "../../end_to_end/daemon.ts";
import { processesOf } from "../../end_to_end/process.ts";

const daemon = await sharedDaemon();

/** Runs `worker-cli` with bytes piped into it. */
async function piped(
  bytes: Uint8Array<ArrayBuffer>,
  ...args: readonly string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const file = `${daemon.directory}/input-${crypto.randomUUID()}`;
  await Deno.writeFile(file, bytes);
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'cat "$0" | "$@"', file, ...daemon.cliLine(args)],
    cwd: daemon.directory,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function statusOf(jobId: string) {
  return JSON.parse((await daemon.cli(["status", "--json", jobId])).stdout);
}

Deno.test("run -i brings five megabytes to a job byte for byte", async () => {
  const bytes = randomBytes(5_000_000);
  const { code, stdout, stderr } = await piped(bytes, "run", "-i", "--", "sha256sum");
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.equal(stdout, `${await sha256(bytes)}  -\n`);
});

Deno.test("run -i ends with a job that reads no more; run and start give it /dev/null", async () => {
  const bytes = randomBytes(1_000_000);
  const [closed, unread] = await Promise.all([
    piped(bytes, "run", "-i", "--", "sh", "-c", "head -c 3 >/dev/null; exec <&-; exit 7"),
    piped(bytes, "run", "--", "sh", "-c", "readlink /proc/self/fd/0; cat"),
  ]);
  assert.deepEqual(closed, { code: 7, stdout: "", stderr: "" });
  assert.deepEqual(unread, { code: 0, stdout: "/dev/null\n", stderr: "" });
});

Deno.test("run ends a job whose time is over, and status says why", async () => {
  const line = ["run", "--json", "--timeout", "300ms", "--grace", "100ms", "--", "sleep", "1000"];
  const { code, stdout } = await daemon.cli(line);
  assert.equal(code, 143);
  const [first = ""] = stdout.split("\n");
  const { startedJob } = JSON.parse(first);
  const { status, reason, execution } = await statusOf(startedJob.jobId);
  assert.deepEqual([status, reason], ["failed", "timeout"]);
  assert.deepEqual([execution.timeoutMs, execution.gracePeriodMs], [300, 100]);
  const shown = await daemon.cli(["status", startedJob.jobId]);
  assert.match(shown.stdout, /^Status: +failed: out of time, killed by SIGTERM$/m);
});

Deno.test("update gives a running job more time, or ends it", async () => {
  const jobId = await daemon.sh("sleep 1000", "--timeout", "1m");
  assert.equal((await daemon.cli(["update", jobId, "--timeout", "none"])).code, 0);
  assert.equal((await statusOf(jobId)).execution.timeoutMs, 0);
  assert.equal((await daemon.cli(["update", jobId, "--timeout", "1ms"])).code, 0);
  assert.equal((await daemon.cli(["wait", jobId])).code, 143);
  assert.equal((await statusOf(jobId)).reason, "timeout");
});

Deno.test("signal sends a job any signal and leaves it to the job", async () => {
  const script =
    "trap 'echo hup' HUP; trap 'exit 5' USR1; echo ready; while :; do sleep 0.02; done";
  await using process = daemon.startCli(["run", "--json", "--", "sh", "-c", script]);
  const [, jobId = ""] = await process.seen(/"jobId":"([^"]+)"/);
  await process.seen(/ready/);
  assert.equal((await daemon.cli(["signal", jobId, "HUP"])).code, 0);
  await process.seen(/hup/);
  assert.equal((await daemon.cli(["signal", jobId, "10"])).code, 0);
  assert.equal((await process.finished()).code, 5);
  const late = await daemon.cli(["signal", jobId, "HUP"]);
  assert.equal(late.code, 125);
  assert.match(late.stderr, /already ended/);
});

Deno.test("stop --all stops the jobs of its labels and no other", async () => {
  const label = ["--label", "set=one"];
  const jobIds = await Promise.all([
    daemon.sh("sleep 1000", ...label),
    daemon.sh("trap '' TERM; while :; do sleep 0.05; done", ...label, "--grace", "100ms"),
  ]);
  const other = await daemon.sh("sleep 1000", "--label", "set=two");
  const { code, stdout, stderr } = await daemon.cli(["stop", "--all", ...label]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => line.split("\t")[0]).toSorted(), jobIds.toSorted());
  for (const line of lines) assert.match(line, /\tcancelled: stopped by a user/);
  assert.deepEqual(await processesOf(jobIds), []);
  assert.equal((await statusOf(other)).status, "running");
  assert.equal((await daemon.cli(["stop", other])).code, 0);
});

Deno.test("A job has the umask and niceness that were asked for, and status shows them", async () => {
  const jobId = await daemon.ran("umask; nice", "--umask", "027", "--nice", "7");
  assert.equal((await daemon.cli(["logs", "all", jobId])).stdout, `0027\n${niceness(7)}\n`);
  const { stdout } = await daemon.cli(["status", jobId]);
  assert.match(stdout, /^Umask: +027$/m);
  assert.match(stdout, /^Nice: +7$/m);
});

Deno.test("status says what holds the job", async () => {
  const jobId = await daemon.ran("cat /proc/self/cgroup");
  const { containment } = await statusOf(jobId);
  const { stdout: cgroups } = await daemon.cli(["logs", "all", jobId]);
  // Its cgroup has its name, unless it was made ahead of it.
  const isInCgroup = /\/job-worker\/(?:spare-[0-9.]+-)?[0-9a-f-]{36}$/m.test(cgroups);
  assert.equal(containment, isInCgroup ? "cgroup" : "process_group");
  const { stdout } = await daemon.cli(["status", jobId]);
  assert.match(stdout, new RegExp(`^Held by: +${containment.replace("_", " ")}: `, "m"));
});

Deno.test("A daemon without cgroups says so, and refuses the limits that it cannot keep", async () => {
  await using plain = await TestDaemon.start(daemon.certificates, { args: ["--cgroups=false"] });
  const jobId = await plain.sh("true");
  const { stdout } = await plain.cli(["status", "--json", jobId]);
  assert.equal(JSON.parse(stdout).containment, "process_group");
  const refused = await plain.cli(["start", "--cpus", "1", "--", "true"]);
  assert.deepEqual([refused.code, refused.stdout], [125, ""]);
  assert.match(refused.stderr, /Cannot limit cpus: .*cgroup v2/);
  const kept = await plain.cli(["run", "--memory", "64MiB", "--", "sh", "-c", "ulimit -v"]);
  assert.deepEqual([kept.code, kept.stdout], [0, "65536\n"]);
});

Deno.test("What the daemon cannot do for a job is refused with the reason", async () => {
  const [user, nice, umask] = await Promise.all([
    daemon.cli(["start", "--user", "daemon", "--", "true"]),
    daemon.cli(["start", "--nice", "20", "--", "true"]),
    daemon.cli(["start", "--umask", "9", "--", "true"]),
  ]);
  assert.equal(user.code, 125);
  assert.match(
    user.stderr,
    /^worker-cli: --user: .*"daemon": the daemon does not allow it \(.*\)\n$/,
  );
  assert.deepEqual([nice.code, umask.code], [2, 2]);
  assert.match(nice.stderr, /Invalid nice 20: .*-20 to 19/);
  assert.match(umask.stderr, /Invalid umask "9": must be octal/);
});
