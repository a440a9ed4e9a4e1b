/**
 * What one operator can do to the jobs of another, which is all that their user of the system can.
 *
 * @module
 */

import type { JobWorkerClient } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import type { TestDaemon } from "../../end_to_end/daemon.ts";
import { TestHouse } from "../../gateway/fixture.ts";
import { rootTest } from "../../root.ts";
import { processStat, temporaryDirectory, until } from "../../worker/fixture.ts";

const SECRET = "SECRET=of alice";

/** Writes a file that is for nobody else, by default in its home, however open it leaves that, and waits. */
const VICTIM = `umask 077
echo "file of alice" >"\${1:-$HOME/file}"
[ -n "$1" ] || chmod -R 777 "$HOME"
echo ready
exec sleep 1000`;

/** Says what it could do to the process $1, and to the file $2. */
const ATTACK = `exec 2>/dev/null
tr '\\0' '\\n' <"/proc/$1/environ" | grep ^SECRET=
cat "$2"
echo intruded >"/proc/$1/fd/1" && echo wrote
kill -TERM "$1" && echo killed
exit 0`;

/** Connects an operator of this name. */
async function connectAs(
  name: string,
  house: TestHouse,
  certificates: TestCertificates,
): Promise<JobWorkerClient> {
  return await house.connect(
    await certificates.issue({ subject: [["O", "operator"], ["CN", name]] }),
  );
}

async function outputOf(client: JobWorkerClient, jobId: string): Promise<string> {
  return new TextDecoder().decode((await client.getLogs({ jobId })).stdout);
}

/** What bob's job says that it could do to alice's, and what has become of that. */
async function attack(
  certificates: TestCertificates,
  args: readonly string[],
  file = "",
): Promise<{ readonly said: string; readonly log: string; readonly reason: string | undefined }> {
  await using house = await TestHouse.start(certificates, { args, expected: /^$/ });
  const alice = await connectAs("alice", house, certificates);
  const bob = await connectAs("bob", house, certificates);
  const [name = "", value = ""] = SECRET.split("=");
  const { jobId, pid, command } = await alice.startJob({
    command: { name: "sh", args: ["-c", VICTIM, "sh", file], env: { [name]: value } },
  });
  await until(async () => await outputOf(alice, jobId) === "ready\n");
  const attacker = await bob.startJob({
    command: {
      name: "sh",
      args: ["-c", ATTACK, "sh", `${pid}`, file || `${command.workingDirectory}/file`],
    },
  });
  await bob.waitJob({ jobId: attacker.jobId });
  const said = await outputOf(bob, attacker.jobId);
  // If it was killed, it has ended by now, or is about to.
  if (said.endsWith("killed\n")) await alice.waitJob({ jobId });
  const { end } = await alice.getJob({ jobId });
  return { said, log: await outputOf(alice, jobId), reason: end?.reason };
}

/** A directory in which everybody may make files, but not touch those of others. */
async function sharedDirectory() {
  const directory = await temporaryDirectory();
  await Deno.chmod(directory.path, 0o1777);
  return directory;
}

rootTest(
  "Operators under one --job-user can read, write to and kill each other's jobs",
  async () => {
    await using certificates = await TestCertificates.create();
    await using directory = await sharedDirectory();
    const args = ["--job-user=nobody"];
    assert.deepEqual(await attack(certificates, args, `${directory.path}/file`), {
      said: `${SECRET}\nfile of alice\nwrote\nkilled\n`,
      log: "ready\nintruded\n",
      reason: "signaled",
    });
  },
);

rootTest(
  "Operators that a map gives users of their own cannot touch each other's jobs",
  async () => {
    await using certificates = await TestCertificates.create();
    await using directory = await sharedDirectory();
    const map = `${directory.path}/map`;
    await Deno.writeTextFile(map, "alice daemon\nbob bin\n", { mode: 0o600 });
    const args = ["--job-user=", `--job-user-map=${map}`];
    assert.deepEqual(await attack(certificates, args, `${directory.path}/file`), {
      said: "",
      log: "ready\n",
      reason: undefined,
    });
  },
);

rootTest(
  "Jobs that have a user each cannot touch each other, and leave nothing behind",
  async () => {
    await using certificates = await TestCertificates.create();
    await using homes = await temporaryDirectory();
    await Deno.chmod(homes.path, 0o711);
    const ids = "2123460000-2123460009";
    const args = ["--job-user=", `--job-uids=${ids}`, `--job-homes=${homes.path}`];
    assert.deepEqual(await attack(certificates, args), {
      said: "",
      log: "ready\n",
      reason: undefined,
    });
    assert.deepEqual(await Array.fromAsync(Deno.readDir(homes.path)), []);
  },
);

rootTest(
  "A map of users is read again at SIGHUP, and one that is wrong changes nothing",
  async () => {
    await using certificates = await TestCertificates.create();
    await using directory = await temporaryDirectory();
    const map = `${directory.path}/map`;
    const write = (text: string) => Deno.writeTextFile(map, text, { mode: 0o600 });
    await write("alice daemon\n");
    await using house = await TestHouse.start(certificates, {
      args: ["--job-user=", `--job-user-map=${map}`, "--allow-users=games"],
      expected: /Cannot reload: Cannot use line 2 of the map of users/,
    });
    const alice = await connectAs("alice", house, certificates);
    const carol = await connectAs("carol", house, certificates);
    const runsAs = async (client: JobWorkerClient, user = "") => {
      const command = { name: "id", args: ["-un"] };
      const { jobId } = await client.startJob({ command, execution: { user } });
      await client.waitJob({ jobId });
      return (await outputOf(client, jobId)).trim();
    };
    assert.equal(await runsAs(alice), "daemon");
    assert.equal(await runsAs(alice, "daemon"), "daemon");
    assert.equal(await runsAs(alice, "games"), "games");
    await assert.rejects(runsAs(alice, "bin"), /"bin": the daemon does not allow it/);
    await assert.rejects(runsAs(carol), /Cannot run jobs of "carol": no line of the daemon's/);
    await assert.rejects(runsAs(carol, "games"), /Cannot run jobs of "carol"/);

    const { daemon } = house;
    await write("alice games\nnot a line\n");
    Deno.kill(daemon.pid, "SIGHUP");
    await house.diagnosed(/Cannot reload: Cannot use line 2 .*jobs run as the map said before/);
    assert.equal(await runsAs(alice), "daemon");
    await write("alice bin\nrole:operator games\n");
    Deno.kill(daemon.pid, "SIGHUP");
    await until(async () => await runsAs(alice) === "bin");
    assert.equal(await runsAs(carol), "games");
    await assertAudited(daemon);
  },
);

/** Runs a program where /proc shows other users' processes to root only; see proc(5). */
const HIDDEN = [
  ...["unshare", "--mount", "sh", "-c"],
  'mount -t proc -o hidepid=invisible proc /proc && exec "$@"',
  "sh",
];

const canHide = Deno.uid() === 0 &&
  (await new Deno.Command("unshare", { args: [...HIDDEN.slice(1), "true"] }).output()).success;

Deno.test({
  name: `Where /proc hides others' processes, jobs see their own only, and the daemon all${
    canHide ? "" : " (skipped: needs root, and the right to mount /proc)"
  }`,
  ignore: !canHide,
  async fn() {
    await using certificates = await TestCertificates.create();
    await using directory = await temporaryDirectory();
    const map = `${directory.path}/map`;
    await Deno.writeTextFile(map, "alice daemon\nbob bin\n", { mode: 0o600 });
    await using house = await TestHouse.start(certificates, {
      // Without cgroups, the daemon finds what a job leaves in /proc.
      args: ["--job-user=", `--job-user-map=${map}`, "--cgroups=false"],
      starter: HIDDEN,
      expected: /^$/,
    });
    const alice = await connectAs("alice", house, certificates);
    const bob = await connectAs("bob", house, certificates);
    const run = async (client: JobWorkerClient, script: string) => {
      const { jobId } = await client.startJob({ command: { name: "sh", args: ["-c", script] } });
      await client.waitJob({ jobId });
      return (await outputOf(client, jobId)).trim();
    };
    const { jobId, pid } = await alice.startJob({
      command: { name: "sleep", args: ["1000"] },
    });
    const look = `[ -e /proc/${pid} ] && echo seen || echo hidden`;
    assert.deepEqual([await run(alice, look), await run(bob, look)], ["seen", "hidden"]);
    const left = Number(await run(alice, "sleep 1000 >&2 & echo $!"));
    assert.ok(left > 0 && !await isAlive(left), "What a job leaves behind ends with it");
    await alice.stopJob({ jobId, stopSignal: "TERM", gracePeriodMs: 5_000 });
    assert.ok(!await isAlive(pid));
  },
});

async function isAlive(pid: number): Promise<boolean> {
  return !["Z", undefined].includes((await processStat(pid))?.state);
}

/** Whose starts ran as whom is in the audit trail, and who was refused. */
async function assertAudited(daemon: TestDaemon): Promise<void> {
  const { stdout } = await daemon.cli(["audit", "--method", "startJob", "--json"]);
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const runs = new Set(lines.map(({ user, runAs, decision }) => `${user} ${runAs} ${decision}`));
  for (const run of ["alice daemon allowed", "alice games allowed", "carol games allowed"]) {
    assert.ok(runs.has(run), stdout);
  }
  assert.ok(runs.has("carol undefined denied"), stdout);
  assert.ok(runs.has("alice undefined denied"), stdout);
}
