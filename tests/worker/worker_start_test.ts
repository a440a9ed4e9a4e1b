import { JobWorkerError } from "../../lib/errors.ts";
import { isJobId } from "../../lib/ids.ts";
import { type Command, MemoryStore } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import {
  allProcesses,
  openDescriptors,
  processStat,
  rejection,
  temporaryDirectory,
  TestWorker,
  until,
} from "./fixture.ts";

type AnyCommand = Pick<Command, "name"> & Partial<Command>;

/** How a start is refused; nothing may be left of it. */
async function refusal(test: TestWorker, command: AnyCommand): Promise<JobWorkerError> {
  const error = await rejection(test.start(command));
  assert.ok(error instanceof JobWorkerError, String(error));
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${test.directory}/logs`)), []);
  assert.deepEqual(await test.worker.list({}, { limit: 10 }), []);
  return error;
}

/** The children of this process, zombies included. */
async function children(): Promise<number> {
  return (await allProcesses()).filter(({ parent }) => parent === Deno.pid).length;
}

Deno.test("Worker.start() returns the running job with all its fields", async () => {
  await using test = await TestWorker.open({ home: "/tmp", cgroups: false });
  const before = Date.now();
  const job = await test.start({ name: "cat", args: ["/dev/zero"], env: { A: "b" } }, {
    labels: { team: "x" },
    requestId: "r1",
  });
  const after = Date.now();
  const { jobId, pid, startedAt, ...rest } = job;
  assert.ok(isJobId(jobId));
  assert.ok(startedAt !== null && before <= startedAt && startedAt <= after);
  assert.deepEqual(rest, {
    queuedAt: null,
    queue: null,
    command: { name: "cat", args: ["/dev/zero"], env: { A: "b" }, workingDirectory: "/tmp" },
    owner: "alice",
    name: "",
    labels: { team: "x" },
    requestId: "r1",
    stdoutBytes: 0,
    stderrBytes: 0,
    execution: {
      user: "",
      umask: "",
      nice: 0,
      timeoutMs: 0,
      gracePeriodMs: 10_000,
      limits: {},
      hasInput: false,
    },
    containment: "process_group",
    usage: null,
    logLimit: { bytes: 256 * 1024 * 1024, policy: "keep_newest" },
    logBytes: 0,
    outputTruncated: false,
    liveStatus: "running",
    end: null,
  });
  const { group, session } = await until(async () => {
    const stat = await processStat(pid);
    return stat?.session === pid && stat;
  });
  assert.deepEqual([group, session], [pid, pid]);
});

Deno.test("A job gets a clean environment, and what its user adds", async () => {
  await using test = await TestWorker.open({ home: "/tmp" });
  Deno.env.set("DAEMON_SECRET", "hunter2");
  const environmentOf = async (env: Record<string, string>) => {
    const { jobId } = await test.start({ name: "env", env });
    const lines = (await test.read(jobId)).stdout.trimEnd().split("\n");
    return [jobId, Object.fromEntries(lines.map((line) => line.split("=", 2)))] as const;
  };
  const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const [bareId, bare] = await environmentOf({});
  assert.deepEqual(bare, { PATH, HOME: "/tmp", LANG: "C.UTF-8", JOB_ID: bareId });

  const added = { PATH: "/bin", HOME: "/", LANG: "de_DE", TERM: "ü", LD_LIBRARY_PATH: "/x" };
  const [fullId, full] = await environmentOf({ ...added, JOB_ID: "mine" });
  assert.deepEqual(full, { ...added, JOB_ID: fullId });
  Deno.env.delete("DAEMON_SECRET");
});

Deno.test("A job has the descriptors 0 to 2 only", async () => {
  const list = { args: ["-c", "ls /proc/self/fd | sort -n | tr '\\n' ' '"] };
  // Beyond those, at most what whoever started this process gives to all that it starts.
  const { stdout } = await new Deno.Command("sh", { ...list, stdin: "null" }).output();
  await using test = await TestWorker.open();
  const other = await test.sh("echo open; sleep 1000");
  await test.printed(other.jobId, "open");
  const seen = await test.read((await test.start({ name: "sh", ...list })).jobId);
  const given = new TextDecoder().decode(stdout).split(" ");
  assert.deepEqual(seen.stdout.split(" ").filter((descriptor) => !given.includes(descriptor)), []);
  assert.match(seen.stdout, /^0 1 2 /);
});

Deno.test("A job has no signal blocked, and none ignored", async () => {
  await using test = await TestWorker.open();
  const job = await test.start({ name: "cat", args: ["/proc/self/status"] });
  const { stdout } = await test.read(job.jobId);
  const mask = (name: string) =>
    BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)$`, "m").exec(stdout)?.[1]}`);
  assert.equal(mask("SigBlk"), 0n);
  // 32 and 33 belong to the C library, which ignores them in the children of Deno.
  assert.equal(mask("SigIgn") & ~0b11n << 31n & 0xffff_ffff_ffff_ffffn, 0n);
});

Deno.test("A job has the usual limit of descriptors, and the groups of the worker", async () => {
  await using test = await TestWorker.open();
  const script = "ulimit -Sn; ulimit -Hn; id -u; id -G; umask";
  const { stdout } = await test.read((await test.sh(script)).jobId);
  const plain = await new Deno.Command("sh", { args: ["-c", script] }).output();
  const [, ...rest] = new TextDecoder().decode(plain.stdout).split("\n");
  assert.deepEqual(stdout.split("\n"), ["1024", ...rest]);
});

Deno.test("A job reads the end of its input at once", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("cat; readlink /proc/self/fd/0");
  assert.equal((await test.read(job.jobId)).stdout, "/dev/null\n");
});

Deno.test("A job gets its arguments and working directory as they are written", async () => {
  await using test = await TestWorker.open();
  await using temporary = await temporaryDirectory();
  const path = `${temporary.path}/ with blanks ü`;
  await Deno.mkdir(path);
  const args = ["-c", "pwd; for a; do printf '[%s]' \"$a\"; done", "sh"];
  const given = ["", "-x", "--", "a b", "$HOME", "*", "é\u{1f600}", "'\"\\", "a\nb"];
  const job = await test.start({ name: "sh", args: [...args, ...given], workingDirectory: path });
  const { stdout } = await test.read(job.jobId);
  assert.equal(stdout, `${path}\n${given.map((arg) => `[${arg}]`).join("")}`);
});

Deno.test("A program that cannot run fails the start, and leaves nothing behind", async () => {
  await using test = await TestWorker.open();
  await using temporary = await temporaryDirectory();
  const readable = `${temporary.path}/readable`;
  const nowhere = `${temporary.path}/nowhere`;
  await Deno.writeTextFile(readable, "#!/bin/sh\n", { mode: 0o644 });
  await refusal(test, { name: "no-such-program" });
  const [descriptors, before] = [await openDescriptors(), await children()];
  const cases: [AnyCommand, string, RegExp][] = [
    [{ name: "no-such-program" }, "ENOENT", /program "no-such-program": not found in PATH \(/],
    [{ name: nowhere }, "ENOENT", /program ".*\/nowhere": no such file/],
    [{ name: "true", env: { PATH: nowhere } }, "ENOENT", /not found in PATH \(.*\/nowhere\)/],
    [{ name: readable }, "EACCES", /readable is not executable: permission denied/],
    [{ name: temporary.path }, "EACCES", /is a directory/],
    [{ name: "true", workingDirectory: nowhere }, "ENOENT", /working directory ".*\/nowhere": no/],
    [{ name: "true", workingDirectory: readable }, "ENOTDIR", /working directory .*not a dir/],
  ];
  for (const [command, reason, message] of cases) {
    const error = await refusal(test, command);
    assert.deepEqual([error.code, error.reason], ["failed_precondition", reason]);
    assert.match(error.message, message);
  }
  assert.deepEqual(await openDescriptors(), descriptors);
  assert.equal(await children(), before);
});

Deno.test("Bad input fails the start before anything is tried", async () => {
  await using test = await TestWorker.open();
  const commands: AnyCommand[] = [
    { name: "" },
    { name: "true", args: ["a\0b"] },
    { name: "true", env: { "A=B": "c" } },
    { name: "true", workingDirectory: "relative" },
  ];
  for (const command of commands) {
    assert.equal((await refusal(test, command)).code, "invalid_argument");
  }
  const labelled = rejection(test.start({ name: "true" }, { labels: { "": "x" } }));
  assert.match(String(await labelled), /Invalid labels/);
});

Deno.test("Arguments that are too long for the kernel fail the start, one or all together", async () => {
  await using test = await TestWorker.open();
  await refusal(test, { name: "no-such-program" });
  const descriptors = await openDescriptors();
  const one = await refusal(test, { name: "true", args: ["a".repeat(128 * 1024)] });
  assert.deepEqual([one.code, one.reason], ["invalid_argument", "E2BIG"]);
  assert.match(one.message, /131072/);
  const all = await refusal(test, { name: "true", args: Array(100).fill("a".repeat(100_000)) });
  assert.deepEqual([all.code, all.reason], ["invalid_argument", "E2BIG"]);
  assert.match(all.message, /ARG_MAX/);
  assert.deepEqual(await openDescriptors(), descriptors);

  const longest = await test.start({ name: "true", args: ["a".repeat(128 * 1024 - 1)] });
  assert.equal((await test.worker.wait(longest.jobId)).end?.status, "done");
});

Deno.test("A text without #! is run by /bin/sh, and rubbish fails as a job of its own", async () => {
  await using test = await TestWorker.open();
  await using temporary = await temporaryDirectory();
  const text = `${temporary.path}/text`;
  await Deno.writeTextFile(text, 'echo "ran with $1"\n', { mode: 0o755 });
  const job = await test.start({ name: text, args: ["x"] });
  assert.equal((await test.read(job.jobId)).stdout, "ran with x\n");

  const rubbish = `${temporary.path}/rubbish`;
  await Deno.writeFile(rubbish, new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 1, 2, 3, 0, 10]));
  await Deno.chmod(rubbish, 0o755);
  const { end } = await test.worker.wait((await test.start({ name: rubbish })).jobId);
  assert.equal(end?.status, "failed");
});

Deno.test("No descriptor is left by jobs, failed starts, and readers", async () => {
  await using test = await TestWorker.open();
  // What belongs to a process: its pipes, and the descriptor that tells its end.
  const ofProcess = (link: string) => link.startsWith("pipe:") || link === "anon_inode:[pidfd]";
  const others = async () => (await openDescriptors()).filter((link) => !ofProcess(link)).sort();
  const ofProcesses = async () => (await openDescriptors()).filter(ofProcess).length;
  const before = await ofProcesses();
  await test.ran("echo warm");
  await test.ran("echo warm");
  const othersBefore = await others();
  await Promise.all(Array.from({ length: 60 }, async (_, index) => {
    if (index % 3 === 0) await rejection(test.start({ name: "no-such-program" }));
    else if (index % 3 === 1) await test.ran("echo out; echo err >&2");
    else await test.read((await test.sh("seq 1000")).jobId);
  }));
  // Two launchers may wait for the next jobs, each with three pipes and such a descriptor.
  await until(async () => await ofProcesses() <= before + 2 * 4);
  assert.deepEqual(await others(), othersBefore);
});

Deno.test("A start with the request id of another returns its job, at once or later", async () => {
  await using test = await TestWorker.open();
  const request = { requestId: "r1" };
  const command = { name: "sh", args: ["-c", "echo once; sleep 1000"] };
  const jobs = await Promise.all(
    Array.from({ length: 20 }, () => test.start(command, request)),
  );
  assert.equal(new Set(jobs.map(({ jobId }) => jobId)).size, 1);
  const [job] = jobs;
  assert.ok(job);
  await test.worker.stop(job.jobId, { stopSignal: "KILL" });
  const again = await test.start(command, request);
  assert.deepEqual(again, await test.worker.get(job.jobId));

  const ofBob = await test.start({ name: "true" }, { ...request, owner: "bob" });
  const another = await test.start({ name: "true" }, { requestId: "r2" });
  const without = await test.start({ name: "true" });
  assert.equal(new Set([job, ofBob, another, without].map(({ jobId }) => jobId)).size, 4);
  assert.equal((await test.worker.list({}, { limit: 10 })).length, 4);
});

Deno.test("A start that repeats one after a failed one waits for it, and starts nothing", async () => {
  let putting = Promise.resolve();
  await using store = new class extends MemoryStore {
    override async put(...args: Parameters<MemoryStore["put"]>): Promise<void> {
      await putting;
      await super.put(...args);
    }
  }();
  await using test = await TestWorker.open({ store });
  const request = { requestId: "r1" };
  const refused = new Error("Not now");
  const first = rejection(
    test.start({ name: "true" }, { ...request, confirm: () => Promise.reject(refused) }),
  );
  const second = test.start({ name: "true" }, request);
  assert.equal(await first, refused);
  const record = Promise.withResolvers<void>();
  putting = record.promise;
  const third = test.start({ name: "true" }, request);
  // By then it has looked whether there is a record, if it did not wait.
  await new Promise((resolve) => setTimeout(resolve));
  record.resolve();
  assert.equal((await third).jobId, (await second).jobId);
});

Deno.test("A start that failed does not use its request id up", async () => {
  await using test = await TestWorker.open();
  const request = { requestId: "r1" };
  const failed = await Promise.all(
    Array.from({ length: 3 }, () => rejection(test.start({ name: "no-such-program" }, request))),
  );
  for (const error of failed) assert.match(String(error), /not found in PATH/);
  const job = await test.start({ name: "true" }, request);
  assert.equal((await test.worker.wait(job.jobId)).end?.status, "done");
});

Deno.test("A start that is aborted in time never starts", async () => {
  await using test = await TestWorker.open();
  const reason = new Error("The client has left");
  const options = { signal: AbortSignal.abort(reason) };
  assert.equal(await rejection(test.start({ name: "true" }, options)), reason);

  const controller = new AbortController();
  const starting = test.start({ name: "true" }, { signal: controller.signal });
  controller.abort(reason);
  assert.equal(await rejection(starting), reason);
  assert.deepEqual(await test.worker.list({}, { limit: 10 }), []);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${test.directory}/logs`)), []);
});

Deno.test("A start that is aborted does not take the repeat of its request with it", async () => {
  await using test = await TestWorker.open();
  const controller = new AbortController();
  const request = { requestId: "r1" };
  const first = rejection(test.start({ name: "true" }, { ...request, signal: controller.signal }));
  const repeat = test.start({ name: "true" }, request);
  const reason = new Error("The connection broke");
  controller.abort(reason);
  assert.equal(await first, reason);
  const job = await repeat;
  assert.equal((await test.worker.wait(job.jobId)).end?.status, "done");
  assert.equal((await test.worker.list({}, { limit: 10 })).length, 1);
});
