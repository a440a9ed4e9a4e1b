import { assert } from "../assert.ts";
import { until } from "../worker/fixture.ts";
import { sharedDaemon } from "./daemon.ts";
import { processesOf, TestProcess } from "./process.ts";

const daemon = await sharedDaemon();

/** A script and the exit status of `worker-cli run` for it. */
const OUTCOMES: readonly (readonly [script: string, status: number])[] = [
  ["exit 0", 0],
  ["exit 1", 1],
  ["exit 2", 2],
  ["exit 125", 125],
  ["exit 255", 255],
  ["kill -TERM $$", 143],
  ["kill -KILL $$", 137],
  ["kill -HUP $$", 129],
  // A real-time signal, which Deno has no name for.
  ["kill -34 $$", 162],
];

Deno.test("run exits with the status of the job, 128 + n after a signal", async () => {
  const ends = await Promise.all(
    OUTCOMES.map(([script]) => daemon.cli(["run", "--", "sh", "-c", script])),
  );
  assert.deepEqual(ends.map(({ code }) => code), OUTCOMES.map(([, status]) => status));
  for (const [index, { stdout, stderr }] of ends.entries()) {
    const bySignal = OUTCOMES[index]?.[0].startsWith("kill");
    assert.match(stderr, bySignal ? /^worker-cli: Job \S+ failed: killed by SIG\w+\n$/ : /^$/);
    assert.equal(stdout, "");
  }
});

Deno.test("run keeps stdout and stderr apart", async () => {
  const script = "echo out; echo err >&2; printf 'no line end'; printf fin >&2; exit 7";
  const { code, stdout, stderr } = await daemon.cli(["run", "--", "sh", "-c", script]);
  assert.deepEqual({ code, stdout, stderr }, {
    code: 7,
    stdout: "out\nno line end",
    stderr: "err\nfin",
  });
});

Deno.test("run shows output while the job runs", async () => {
  const go = `${daemon.directory}/go-on`;
  const script = `echo first; while [ ! -e ${go} ]; do sleep 0.02; done; echo second`;
  await using process = daemon.startCli(["run", "--", "sh", "-c", script]);
  await process.seen(/^first\n$/);
  await Deno.writeTextFile(go, "");
  const { code, stdout } = await process.finished();
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "first\nsecond\n" });
});

Deno.test("run --json tells the start, each record, and the end with its outcome", async () => {
  const { code, stdout, stderr } = await daemon.cli([
    "run",
    "--json",
    "--",
    "sh",
    "-c",
    "echo hi; exit 3",
  ]);
  assert.deepEqual({ code, stderr }, { code: 3, stderr: "" });
  const [started, record, finished, ...rest] = stdout.trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(rest, []);
  assert.equal(started.startedJob.status, "running");
  assert.ok(!Number.isNaN(Date.parse(record.time)));
  assert.deepEqual({ ...record, time: "" }, {
    offset: 0,
    time: "",
    stream: "stdout",
    data: btoa("hi\n"),
    text: "hi\n",
  });
  const { finishDate, usage: _usage, ...job } = finished.finishedJob;
  assert.ok(Date.parse(finishDate) >= Date.parse(job.startDate));
  assert.deepEqual({ ...job, finishDate: null, usage: null }, {
    ...started.startedJob,
    status: "failed",
    exitStatus: { code: 3 },
    reason: "exited",
    stdoutBytes: 3,
    logBytes: 39,
  });
});

Deno.test("run stops the job at Ctrl-C, shows its last words, and exits as it does", async () => {
  const script = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.02; done";
  await using process = daemon.startCli(["run", "--", "sh", "-c", script]);
  await process.seen(/ready/);
  process.kill("SIGINT");
  const { code, stdout } = await process.finished();
  assert.deepEqual({ code, stdout }, { code: 5, stdout: "ready\nbye\n" });
});

Deno.test("run that is killed does not end the job", async () => {
  await using process = daemon.startCli([
    "run",
    "--json",
    "--",
    "sh",
    "-c",
    "echo ready; sleep 1000",
  ]);
  const [, jobId = ""] = await process.seen(/"jobId":"([^"]+)"/);
  await process.seen(/ready/);
  process.kill("SIGKILL");
  await process.finished();
  assert.equal(
    JSON.parse((await daemon.cli(["status", "--json", jobId])).stdout).status,
    "running",
  );
  assert.equal((await daemon.cli(["stop", jobId])).code, 0);
  await until(async () => (await processesOf([jobId])).length === 0);
});

Deno.test("run leaves its job running at a hang-up, and says how to get at it", async () => {
  const line = ["run", "--", "sh", "-c", 'echo "$JOB_ID"; sleep 100'];
  await using process = daemon.startCli(line);
  const [, jobId = ""] = await process.seen(/^(\S+)\n/);
  process.kill("SIGHUP");
  const { code, stderr } = await process.finished();
  assert.equal(code, 129);
  await assertLeft(jobId, stderr, "Hung up");
});

Deno.test("run leaves its job running once nobody reads its output, and says how to get at it", async () => {
  const script = 'while :; do echo "$JOB_ID"; sleep 0.02; done';
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      '{ "$@"; echo "status $?" >&2; } | head -n 2',
      "sh",
      ...daemon.cliLine(["run", "--", "sh", "-c", script]),
    ],
    cwd: daemon.directory,
  }).output();
  const decoder = new TextDecoder();
  const [jobId = "", ...lines] = decoder.decode(stdout).trimEnd().split("\n");
  assert.deepEqual(lines, [jobId]);
  const words = decoder.decode(stderr);
  assert.match(words, /\nstatus 141\n$/);
  await assertLeft(jobId, words, "Nobody reads the output any more");
});

Deno.test("run under nohup in a terminal goes on after a hang-up", async () => {
  const go = `${daemon.directory}/hung-up`;
  const script = `echo ready; while [ ! -e ${go} ]; do sleep 0.02; done; exit 3`;
  await using process = new TestProcess([
    "sh",
    "-c",
    // What nohup does where standard input is a terminal.
    'trap "" HUP; exec "$@" 0>/dev/null',
    "sh",
    ...daemon.cliLine(["run", "--", "sh", "-c", script]),
  ], { cwd: daemon.directory });
  await process.seen(/ready/);
  process.kill("SIGHUP");
  await Deno.writeTextFile(go, "");
  assert.equal((await process.finished()).code, 3);
});

Deno.test("run, output, wait and logs --follow say why a job ended whose time was over", async () => {
  const { code, stderr } = await daemon.cli(["run", "--timeout=100ms", "--", "sleep", "100"]);
  assert.equal(code, 143);
  const words = /^worker-cli: Job (\S+) failed: out of time, killed by SIGTERM\n$/;
  const [, jobId = ""] = words.exec(stderr) ?? [];
  const others = [["output", jobId], ["wait", jobId], ["logs", "all", jobId, "--follow"]];
  for (const line of others) assert.equal((await daemon.cli(line)).stderr, stderr);
});

/** That a job runs, and that it was said how to see and to stop it; then it is stopped. */
async function assertLeft(jobId: string, stderr: string, why: string): Promise<void> {
  const { stdout } = await daemon.cli(["status", "--json", jobId]);
  assert.equal(JSON.parse(stdout).status, "running");
  const words = `worker-cli: ${why}. Left job ${jobId}, which keeps running; ` +
    `to see its output: worker-cli logs all ${jobId} --follow; to stop it: worker-cli stop ${jobId}\n`;
  assert.ok(stderr.includes(words), stderr);
  assert.equal((await daemon.cli(["stop", jobId])).code, 0);
}
