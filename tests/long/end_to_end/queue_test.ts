import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import { MortalDaemon } from "../../recovery/mortal_daemon.ts";
import { temporaryDirectory, until } from "../../worker/fixture.ts";

type User = "client" | "operator";

/** A daemon that runs one job of each user, and two in all. */
const LIMITS = ["--max-running=2", "--max-running-per-user=1"];

/** Runs `worker-cli`, which must succeed, and returns what it prints. */
async function cli(daemon: MortalDaemon, args: readonly string[], user: User = "client") {
  const { code, stdout, stderr } = await daemon.cli(args, user);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** Starts a script, which waits if it must, and returns the id of its job. */
async function queue(daemon: MortalDaemon, script: string, user: User = "client") {
  return await cli(daemon, ["start", "--queue", "--", "sh", "-c", script], user);
}

async function statusOf(daemon: MortalDaemon, jobId: string): Promise<string> {
  return JSON.parse(await cli(daemon, ["status", "--json", jobId])).status;
}

/** The jobs that wait, the next one first, whoever asks. */
async function queued(daemon: MortalDaemon): Promise<string[]> {
  const lines = await cli(daemon, ["list", "queued", "--json"]);
  const jobs = lines.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  jobs.sort((a, b) => a.queue.position - b.queue.position);
  return jobs.map(({ jobId }) => jobId);
}

Deno.test("Jobs beyond a limit wait in a queue that outlives the daemon, owners in turn", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const note = `${directory.path}/note`;
  const noting = (word: string) => `echo ${word} >> ${note}`;
  const noted = async () => (await Deno.readTextFile(note)).trim().split("\n");
  const start = () => MortalDaemon.start(certificates, directory.path, LIMITS);
  const jobs: string[] = [];
  let first = "";
  {
    await using daemon = await start();
    first = await queue(daemon, "exec sleep 1000");
    const other = await queue(daemon, "exec sleep 1000", "operator");
    for (const word of ["one", "two", "three"]) jobs.push(await queue(daemon, noting(word)));
    jobs.push(await queue(daemon, noting("four"), "operator"));
    const [one = "", two = "", three = "", four = ""] = jobs;
    assert.deepEqual(await queued(daemon), [one, four, two, three]);

    const details = await cli(daemon, ["status", four], "operator");
    assert.match(
      details,
      /^Place: +2nd of 4, since 1 of 1 jobs of user "operator" are running \(the daemon's --max-running-per-user\)$/m,
    );
    assert.match(details, /^Status: +queued$/m);
    assert.equal(await cli(daemon, ["logs", "all", one]), "");
    const signalled = await daemon.cli(["signal", one, "HUP"]);
    assert.match(signalled.stderr, /it is queued, and has no process yet; a stop takes it out/);
    const refused = await daemon.cli(["start", "--", "true"]);
    assert.match(refused.stderr, /or have the job wait until one has ended \(--queue\)/);
    assert.deepEqual([signalled.code, refused.code], [125, 125]);

    await cli(daemon, ["stop", two]);
    assert.equal(await statusOf(daemon, two), "cancelled");
    await cli(daemon, ["stop", other], "operator");
    await cli(daemon, ["wait", four], "operator");
    assert.deepEqual(await noted(), ["four"]);
    assert.deepEqual(await queued(daemon), [one, three]);
    await daemon.kill();
  }
  const [one = "", _two, three = ""] = jobs;
  {
    await using daemon = await start();
    assert.deepEqual(await queued(daemon), [one, three]);
    assert.equal(await statusOf(daemon, first), "running");
    await using run = daemon.startCli([
      "run",
      "--queue",
      "--",
      "sh",
      "-c",
      `${noting("five")}; exit 5`,
    ]);
    const [line] = await run.seenOnStderr(/^worker-cli: Job \S+ is queued: .*\n/);
    assert.match(line, /: 3rd of 3, since 1 of 1 jobs of user "admin" are running/);
    await cli(daemon, ["stop", first]);
    const ran = await run.finished();
    assert.deepEqual([ran.code, ran.stdout, ran.stderr], [5, "", line]);
    assert.deepEqual(await noted(), ["four", "one", "three", "five"]);
    first = await queue(daemon, "exec sleep 1000");
    jobs.push(await queue(daemon, noting("six")));
    await daemon.handOver();
  }
  {
    await using daemon = await start();
    assert.deepEqual([await statusOf(daemon, first), await queued(daemon)], ["running", [
      jobs.at(-1),
    ]]);
    // The end of the daemon is the end of the jobs that run.
  }
  await using daemon = await start();
  assert.equal(await statusOf(daemon, first), "cancelled");
  await until(async () => await statusOf(daemon, jobs.at(-1) ?? "") === "done");
  assert.deepEqual((await noted()).slice(4), ["six"]);
});

Deno.test("run --queue passes its input on once its job runs, and Ctrl-C takes it out of the queue", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  await using daemon = await MortalDaemon.start(certificates, directory.path, LIMITS);
  const first = await queue(daemon, "exec sleep 1000");
  await using cat = daemon.startCli(["run", "--queue", "--interactive", "--", "cat"]);
  await cat.seenOnStderr(/is queued: 1st of 1/);
  await using left = daemon.startCli(["run", "--queue", "--", "true"]);
  await left.seenOnStderr(/is queued: 2nd of 2/);
  left.kill("SIGINT");
  const { code, stderr } = await left.finished();
  assert.match(stderr, /^worker-cli: Job \S+ cancelled: stopped by a user$/m);
  assert.equal(code, 125);
  assert.equal((await queued(daemon)).length, 1);
  await cli(daemon, ["stop", first]);
  const { code: status, stdout } = await cat.finished();
  assert.deepEqual([status, stdout], [0, ""]);
});

Deno.test("The queue moves on when an executor dies, and when the next daemon may run more", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const waiting: string[] = [];
  {
    await using daemon = await MortalDaemon.start(certificates, directory.path, LIMITS);
    const first = await queue(daemon, "exec sleep 1000");
    for (let count = 0; count < 4; count++) waiting.push(await queue(daemon, "exec sleep 1000"));
    const [executor = 0] = await executorsIn(`${directory.path}/data`);
    Deno.kill(executor, "SIGKILL");
    const next = waiting.shift() ?? "";
    await until(async () => await statusOf(daemon, next) === "running");
    assert.equal(await statusOf(daemon, first), "failed");
    assert.deepEqual(await queued(daemon), waiting);
    await daemon.handOver();
  }
  const more = ["--max-running=3", "--max-running-per-user=3"];
  await using daemon = await MortalDaemon.start(certificates, directory.path, more);
  await until(async () => await statusOf(daemon, waiting[1] ?? "") === "running");
  assert.deepEqual(await queued(daemon), waiting.slice(2));
});
