import { assert } from "../assert.ts";
import { randomBytes, sha256, until } from "../worker/fixture.ts";
import { sharedDaemon } from "./daemon.ts";

const daemon = await sharedDaemon();

/** What the CLI printed for a line of arguments, having exited with 0. */
async function printed(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await daemon.cli(args);
  assert.equal(code, 0, stderr);
  return { stdout, stderr };
}

Deno.test("logs prints what was printed so far, of both streams or of one", async () => {
  const jobId = await daemon.ran("echo out; echo err >&2; exit 3");
  const [all, stdout, stderr] = await Promise.all([
    printed("logs", "all", jobId),
    printed("logs", "stdout", jobId),
    printed("logs", "stderr", jobId),
  ]);
  assert.deepEqual(all, { stdout: "out\n", stderr: "err\n" });
  assert.deepEqual(stdout, { stdout: "out\n", stderr: "" });
  assert.deepEqual(stderr, { stdout: "", stderr: "err\n" });
});

Deno.test("logs --tail prints the last lines", async () => {
  const jobId = await daemon.ran(
    "printf '1\\n2\\n3\\n'; sleep 0.1; printf 'x\\n' >&2; sleep 0.1; printf 4",
  );
  const [two, none, all, stderr] = await Promise.all([
    printed("logs", "stdout", jobId, "--tail", "2"),
    printed("logs", "all", jobId, "--tail", "0"),
    printed("logs", "all", jobId, "--tail=1000"),
    printed("logs", "stderr", jobId, "--tail=1"),
  ]);
  assert.deepEqual(two, { stdout: "3\n4", stderr: "" });
  assert.deepEqual(none, { stdout: "", stderr: "" });
  assert.deepEqual(all, { stdout: "1\n2\n3\n4", stderr: "x\n" });
  assert.deepEqual(stderr, { stdout: "", stderr: "x\n" });
});

Deno.test("logs --since and --timestamps go by the time at which the daemon read", async () => {
  const jobId = await daemon.ran("printf 'a\\nb'; sleep 0.2; echo c");
  const { stdout } = await printed("logs", "all", jobId, "--json");
  const [first, second] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const [since, hour, future, stamped] = await Promise.all([
    printed("logs", "all", jobId, "--since", second.time),
    printed("logs", "all", jobId, "--since", "1h"),
    printed("logs", "all", jobId, "--since", "2999-01-01T00:00:00Z"),
    printed("logs", "all", jobId, "--timestamps"),
  ]);
  assert.equal(since.stdout, "c\n");
  assert.equal(hour.stdout, "a\nbc\n");
  assert.equal(future.stdout, "");
  assert.equal(stamped.stdout, `${first.time} a\n${first.time} bc\n`);
});

Deno.test("logs without --follow ends although the job goes on; with it, it goes on too", async () => {
  const go = `${daemon.directory}/go-on`;
  const jobId = await daemon.sh(
    `echo early; while [ ! -e ${go} ]; do sleep 0.02; done; echo late; exit 4`,
  );
  await using follower = daemon.startCli(["logs", "all", jobId, "--follow"]);
  await using last = daemon.startCli(["logs", "all", "-f", jobId, "--tail=0"]);
  await follower.seen(/^early\n$/);
  assert.equal((await printed("logs", "all", jobId)).stdout, "early\n");
  await Deno.writeTextFile(go, "");
  const whole = await follower.finished();
  // A reader exits with its own status: the job's is that of `wait` and `output`.
  assert.deepEqual([whole.code, whole.stdout], [0, "early\nlate\n"]);
  // Started before or after the line came, but never with more than that line.
  assert.match((await last.finished()).stdout, /^(late\n)?$/);
});

Deno.test("logs --follow of a finished job prints all of it and ends", async () => {
  const jobId = await daemon.ran("seq 1 1000");
  const { stdout } = await printed("logs", "all", jobId, "--follow");
  assert.equal(stdout, Array.from({ length: 1000 }, (_, index) => `${index + 1}\n`).join(""));
});

Deno.test("a follower that does not read holds up neither the job nor another follower", async () => {
  const bytes = randomBytes(24 * 1024 * 1024);
  const path = `${daemon.directory}/random`;
  await Deno.writeFile(path, bytes);
  const jobId = await daemon.sh(`cat ${path}`);
  const [program = "", ...args] = daemon.cliLine(["logs", "stdout", jobId, "--follow"]);
  const stalled = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const eager = await daemon.cli(["logs", "stdout", jobId, "--follow"]);
  assert.equal(await sha256(eager.bytes), await sha256(bytes));
  await until(async () => (await daemon.cli(["list", "running"])).stdout === "");
  const late = new Uint8Array(await new Response(stalled.stdout).arrayBuffer());
  assert.equal(await sha256(late), await sha256(bytes));
  assert.equal((await stalled.status).code, 0);
});

Deno.test("logs leaves at Ctrl-C, and ends quietly when nobody reads it", async () => {
  const jobId = await daemon.sh("echo ready; sleep 1000");
  await using process = daemon.startCli(["logs", "all", jobId, "--follow"]);
  await process.seen(/ready/);
  process.kill("SIGINT");
  const { code, stderr } = await process.finished();
  assert.deepEqual({ code, stderr }, { code: 130, stderr: "" });
  assert.equal((await daemon.cli(["stop", jobId])).code, 0);

  const large = await daemon.ran("head -c 3000000 /dev/zero");
  const piped = await new Deno.Command("sh", {
    args: [
      "-c",
      '"$@" 2>stderr-of-cli | head -c 1000 | wc -c; cat stderr-of-cli',
      "sh",
      ...daemon.cliLine(["logs", "all", large]),
    ],
    cwd: daemon.directory,
  }).output();
  assert.equal(new TextDecoder().decode(piped.stdout).trim(), "1000");
});

Deno.test("logs without --follow ends although the job prints faster than anybody reads", async () => {
  const limit = 16 * 1024 ** 2;
  const start = await printed("start", "--log-limit=16MiB", "--", "yes");
  const jobId = start.stdout.trim();
  await until(async () => {
    const job = JSON.parse((await printed("status", jobId, "--json")).stdout);
    return job.stdoutBytes > limit;
  });
  const [tail, all, stamped, stderr] = await Promise.all([
    printed("logs", "all", jobId, "--tail", "10"),
    printed("logs", "stdout", jobId),
    printed("logs", "all", jobId, "--timestamps", "--tail=3"),
    printed("logs", "stderr", jobId),
  ]);
  const missing = /^(worker-cli: \d+ bytes of output, from .* are missing: .*\n)+$/;
  // The job may have written the whole log anew before they are read, which is told then.
  if (tail.stderr === "") assert.match(tail.stdout, /^(y\n){9}y\n?$/);
  else assert.match(tail.stderr, missing);
  if (stamped.stderr === "") assert.match(stamped.stdout, /^(\S+Z y\n){2}\S+Z y\n?$/);
  else assert.match(stamped.stderr, missing);
  assert.ok(all.stdout.length <= limit, `${all.stdout.length} bytes`);
  assert.match(all.stderr, missing);
  assert.equal(stderr.stdout, "");
  await printed("stop", jobId);
});

Deno.test("logs --follow and output that are interrupted leave the job running", async () => {
  const { stdout } = await daemon.cli(["start", "--", "sh", "-c", "echo ready; sleep 1000"]);
  const jobId = stdout.trim();
  const watch = async (words: readonly string[], signal: Deno.Signal) => {
    await using process = daemon.startCli([...words]);
    await process.seen(/ready/);
    process.kill(signal);
    const { code, stderr } = await process.finished();
    return [code, /^worker-cli: .* Left job .* which keeps running; .*\n$/.test(stderr) || stderr];
  };
  const outcomes = await Promise.all([
    watch(["logs", "all", jobId, "--follow"], "SIGINT"),
    watch(["logs", "all", jobId, "--follow"], "SIGHUP"),
    watch(["output", jobId], "SIGINT"),
    watch(["output", jobId], "SIGHUP"),
  ]);
  assert.deepEqual(outcomes, [[130, ""], [129, ""], [130, true], [129, true]]);
  const status = JSON.parse((await daemon.cli(["status", "--json", jobId])).stdout).status;
  assert.equal(status, "running");
  assert.equal((await daemon.cli(["stop", jobId])).code, 0);
});
