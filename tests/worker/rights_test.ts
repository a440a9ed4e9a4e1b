// What a worker of root lets the jobs of other users do. Without root there is nothing to test.
import { JobWorkerError } from "../../lib/errors.ts";
import { type Decision, prepare } from "../../lib/executor/prepare.ts";
import { UserLookups } from "../../lib/executor/user_lookups.ts";
import type { Command, Execution } from "../../lib/worker/mod.ts";
import { KnownUsers } from "../../lib/process/known_users.ts";
import { ProcessGroups } from "../../lib/process/process_groups.ts";
import { completeStart, DEFAULT_START_POLICY } from "../../lib/worker/start_request.ts";
import { assert } from "../assert.ts";
import { niceness } from "../niceness.ts";
import { rootTest } from "../root.ts";
import { processesOf } from "../end_to_end/process.ts";
import { rejection, temporaryDirectory, TestWorker } from "./fixture.ts";
import { TOOLS } from "../process/tools.ts";

type AnyCommand = Pick<Command, "name"> & Partial<Command>;

const USERS = { jobUser: "nobody", allowUsers: ["root"] };

async function refusal(
  test: TestWorker,
  command: AnyCommand,
  execution: Partial<Execution> = {},
): Promise<JobWorkerError> {
  const error = await rejection(test.start(command, { execution }));
  assert.ok(error instanceof JobWorkerError, String(error));
  assert.equal(error.code, "failed_precondition");
  return error;
}

async function outputOf(
  test: TestWorker,
  command: AnyCommand,
  execution: Partial<Execution> = {},
): Promise<string> {
  const { jobId } = await test.start(command, { execution });
  const { stdout, stderr } = await test.read(jobId);
  return stdout + stderr;
}

rootTest("A directory that the job's user may not enter fails the start", async () => {
  await using test = await TestWorker.open(USERS);
  await using temporary = await temporaryDirectory();
  const { path } = temporary;
  await Deno.mkdir(`${path}/below`);
  await Deno.writeTextFile(`${path}/below/file`, "content");
  const below = { name: "cat", args: ["file"], workingDirectory: `${path}/below` };
  await Deno.chmod(path, 0o700);
  for (const workingDirectory of [path, `${path}/below`, `${path}/nope`]) {
    const { message, reason } = await refusal(test, { name: "true", workingDirectory });
    assert.ok(message.includes(`working directory "${workingDirectory}": `), message);
    // The error says nothing about what is below a closed directory.
    assert.equal(reason, workingDirectory === path ? "EACCES" : "ENOENT");
  }
  assert.equal(await outputOf(test, below, { user: "root" }), "content");
  await Deno.chmod(path, 0o711);
  assert.equal(await outputOf(test, below), "content");
  await Deno.chmod(`${path}/below`, 0o700);
  assert.equal((await refusal(test, below)).reason, "EACCES");
  await Deno.chown(`${path}/below`, 65534, 65534);
  assert.equal(await outputOf(test, below), "content");
});

rootTest(
  "A program that the job's user may not execute fails the start, and one that the user may not see does not exist",
  async () => {
    await using test = await TestWorker.open(USERS);
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    await Deno.mkdir(`${path}/closed`, { mode: 0o700 });
    for (const name of ["closed/tool", "tool"]) {
      await Deno.writeTextFile(`${path}/${name}`, "#!/bin/sh\necho ran\n");
      await Deno.chmod(`${path}/${name}`, 0o700);
    }
    await Deno.chmod(path, 0o711);
    const PATH = `${path}/closed:${path}`;
    for (const command of [{ name: `${path}/tool` }, { name: "tool", env: { PATH } }]) {
      const { message, reason } = await refusal(test, command);
      assert.equal(reason, "EACCES");
      assert.ok(message.endsWith(`${path}/tool is not executable: permission denied`), message);
      assert.equal(await outputOf(test, command, { user: "root" }), "ran\n");
    }
    const [there, missing] = await Promise.all(
      ["tool", "nope"].map((name) => refusal(test, { name: `${path}/closed/${name}` })),
    );
    assert.equal(there?.reason, "ENOENT");
    assert.equal(there?.message, missing?.message.replace("nope", "tool"));
  },
);

rootTest("A job of another user may open its own input and outputs anew", async () => {
  await using test = await TestWorker.open(USERS);
  const script =
    "echo out >/dev/stdout; echo err >/dev/stderr; cat </dev/stdin; ls -lnL /dev/stdin";
  const command = { name: "sh", args: ["-c", script] };
  const job = await test.start(command, { execution: { hasInput: true } });
  await test.worker.writeInput(job.jobId, 0, new TextEncoder().encode("in\n"));
  await test.worker.closeInput(job.jobId);
  const { stdout, stderr } = await test.read(job.jobId);
  assert.match(stdout, /^out\nin\np\S+ \d+ 65534 65534 /);
  assert.equal(stderr, "err\n");
  // What is not a pipe is not the job's alone.
  assert.match(await outputOf(test, command), /^out\nc\S+ \d+ 0 0 .*\nerr\n$/);
});

rootTest("A job may have a negative niceness only if its user is root", async () => {
  await using test = await TestWorker.open(USERS);
  assert.match(
    (await refusal(test, { name: "nice" }, { nice: -20 })).message,
    /Cannot set nice -20: "nobody" is not root$/,
  );
  assert.equal(
    await outputOf(test, { name: "nice" }, { nice: -1, user: "root" }),
    `${niceness(-1)}\n`,
  );
  assert.equal(await outputOf(test, { name: "nice" }, { nice: 1 }), `${niceness(1)}\n`);
});

rootTest("A job of another user has the rights of that user and no others", async () => {
  await using test = await TestWorker.open(USERS);
  const script = "grep -E '^(Uid|Gid|Groups|Cap(Prm|Eff|Amb)):' /proc/self/status; pwd";
  const output = await outputOf(test, { name: "sh", args: ["-c", script] });
  const ids = "65534\t65534\t65534\t65534";
  const none = "0".repeat(16);
  const expected = [
    ...[`Uid:\t${ids}`, `Gid:\t${ids}`, "Groups:\t65534"],
    ...[`CapPrm:\t${none}`, `CapEff:\t${none}`, `CapAmb:\t${none}`, "/"],
  ];
  assert.deepEqual(output.trim().split(/ *\n/), expected);
});

rootTest("A request cannot be smuggled to the shell of root through PATH", async () => {
  await using test = await TestWorker.open(USERS);
  await using temporary = await temporaryDirectory();
  const { path } = temporary;
  await Deno.chmod(path, 0o755);
  const directory = `${path}/x\n999999 cgroup_make ${path}/made file=by-root`;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/tool`, "#!/bin/sh\n", { mode: 0o755 });
  await refusal(test, { name: "tool", env: { PATH: directory } });
  assert.deepEqual((await test.ran("exit 3")).end?.exitStatus, { code: 3 });
  await assert.rejects(Deno.stat(`${path}/made`), Deno.errors.NotFound);
});

/** What a start would be, decided by these tools. */
async function decide(
  execution: Partial<Execution>,
  { newPrivileges, tools = TOOLS }: { newPrivileges: boolean; tools?: typeof TOOLS },
): Promise<Decision> {
  await using groups = new ProcessGroups(TOOLS);
  await using lookups = new UserLookups({ tools });
  const request = completeStart(
    "id",
    { command: { name: "true" }, owner: "alice", execution },
    { ...DEFAULT_START_POLICY, ...USERS },
  );
  return await prepare(request, {
    ...{ groups, lookups, newPrivileges },
    users: new KnownUsers(groups.shell),
    dynamicUsers: null,
    cgroups: null,
    home: "/",
  });
}

rootTest("A job of the daemon's own user is not given the rights that it has", async () => {
  const rightsOf = async (user: string) =>
    (await decide({ user }, { newPrivileges: false })).spec.user?.uid ?? null;
  await using groups = new ProcessGroups(TOOLS);
  // If we have other groups than root has now, they would have to be taken.
  const { isOurs } = await new KnownUsers(groups.shell).find("root");
  assert.equal(await rightsOf("root"), isOurs ? null : 0);
  assert.equal(await rightsOf("nobody"), 65534);
});

rootTest(
  "A start whose files cannot be checked as its user does not fall back to other rights",
  async () => {
    const tools = { ...TOOLS, setpriv: "/bin/false" };
    const error = await rejection(decide({}, { newPrivileges: true, tools }));
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.equal(error.code, "unavailable");
    assert.match(error.message, /cannot look at files as user 65534: .* ends at every start/);
  },
);

rootTest("A job that forks without end is held by its limit, and leaves nothing", async () => {
  // The limit counts all processes of a user, so this must be one who has no others but for three of ours.
  await using test = await TestWorker.open({ jobUser: "games" });
  const script = "i=0; while [ $i -lt 500 ]; do sleep 1000 & i=$((i+1)); echo $i; done";
  const { jobId } = await test.start({ name: "sh", args: ["-c", script] }, {
    execution: { limits: { processes: 20 } },
  });
  const { stdout, stderr } = await test.read(jobId);
  assert.match(stderr, /fork/i);
  const forks = stdout.trimEnd().split("\n").length;
  assert.ok(forks > 0 && forks < 20 + 3, `${forks} forks`);
  assert.equal((await test.worker.wait(jobId)).end?.status, "failed");
  assert.deepEqual(await processesOf([jobId]), []);
});
