import { assert } from "../assert.ts";
import { sharedDaemon } from "./daemon.ts";

const daemon = await sharedDaemon();

Deno.test("logs prints what was printed so far, of both streams or of one", async () => {
  const jobId = await daemon.ran("echo out; echo err >&2; exit 3");
  const [all, stdout, stderr] = await Promise.all([
    daemon.printed("logs", "all", jobId),
    daemon.printed("logs", "stdout", jobId),
    daemon.printed("logs", "stderr", jobId),
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
    daemon.printed("logs", "stdout", jobId, "--tail", "2"),
    daemon.printed("logs", "all", jobId, "--tail", "0"),
    daemon.printed("logs", "all", jobId, "--tail=1000"),
    daemon.printed("logs", "stderr", jobId, "--tail=1"),
  ]);
  assert.deepEqual(two, { stdout: "3\n4", stderr: "" });
  assert.deepEqual(none, { stdout: "", stderr: "" });
  assert.deepEqual(all, { stdout: "1\n2\n3\n4", stderr: "x\n" });
  assert.deepEqual(stderr, { stdout: "", stderr: "x\n" });
});

Deno.test("logs --since and --timestamps go by the time at which the daemon read", async () => {
  const jobId = await daemon.ran("printf 'a\\nb'; sleep 0.2; echo c");
  const { stdout } = await daemon.printed("logs", "all", jobId, "--json");
  const [first, second] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const [since, hour, future, stamped] = await Promise.all([
    daemon.printed("logs", "all", jobId, "--since", second.time),
    daemon.printed("logs", "all", jobId, "--since", "1h"),
    daemon.printed("logs", "all", jobId, "--since", "2999-01-01T00:00:00Z"),
    daemon.printed("logs", "all", jobId, "--timestamps"),
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
  assert.equal((await daemon.printed("logs", "all", jobId)).stdout, "early\n");
  await Deno.writeTextFile(go, "");
  const whole = await follower.finished();
  // A reader exits with its own status: the job's is that of `wait` and `output`.
  assert.deepEqual([whole.code, whole.stdout], [0, "early\nlate\n"]);
  // Started before or after the line came, but never with more than that line.
  assert.match((await last.finished()).stdout, /^(late\n)?$/);
});

Deno.test("logs --follow of a finished job prints all of it and ends", async () => {
  const jobId = await daemon.ran("seq 1 1000");
  const { stdout } = await daemon.printed("logs", "all", jobId, "--follow");
  assert.equal(stdout, Array.from({ length: 1000 }, (_, index) => `${index + 1}\n`).join(""));
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
