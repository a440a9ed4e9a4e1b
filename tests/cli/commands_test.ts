import { completeExecution } from "../../lib/job/execution.ts";
import type {
  StartJobRequest,
  StopJobRequest,
  StreamLogsRequest,
} from "../../lib/cli/job_client.ts";
import { main } from "../../lib/cli/main.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import {
  batchesOf,
  DONE,
  FakeIo,
  JOB_ID,
  jobOf,
  lister,
  recordsOf,
  runCli,
  streamer,
} from "./fake_daemon.ts";
import { FAILED, FAILED_JSON, jsonLines, LOST, RUNNING_JSON, STOPPED } from "./jobs.ts";

Deno.test("start prints the job's id alone, and words only on a terminal", async () => {
  const requests: StartJobRequest[] = [];
  const startJob = (request: StartJobRequest) => {
    requests.push(request);
    return Promise.resolve(jobOf());
  };
  const args = ["start", "--env", "A=1", "--cwd", "/", "--label", "l=2", "--request-id", "r", "--"];
  const piped = await runCli([...args, "sh", "-c", "echo hi"], { startJob });
  assert.deepEqual(piped, { exitStatus: 0, stdout: `${JOB_ID}\n`, stderr: "" });
  assert.deepEqual(requests, [{
    command: { name: "sh", args: ["-c", "echo hi"], env: { A: "1" }, workingDirectory: "/" },
    labels: { l: "2" },
    requestId: "r",
  }]);

  const typed = await runCli(["start", "--", "ls"], { startJob }, { terminal: true });
  assert.equal(typed.stdout, `${JOB_ID}\n`);
  assert.match(typed.stderr, new RegExp(`worker-cli logs all ${JOB_ID} --follow`));

  const json = await runCli(["start", "--json", "--", "ls"], { startJob });
  assert.deepEqual(jsonLines(json.stdout), [RUNNING_JSON]);
});

Deno.test("start and run say so if the request id is that of another command, whose job they then are about", async () => {
  const ended = jobOf({ end: DONE });
  const calls = {
    startJob: () => Promise.resolve(jobOf()),
    streamLogs: streamer(batchesOf(ended, recordsOf(["stdout", "hi\n"]))),
    waitJob: () => Promise.resolve(ended),
  };
  const said = `worker-cli: Nothing was started: the request id "once" is that of job ${JOB_ID}, ` +
    "which is another command: sh -c 'echo hi'\n";
  for (
    const [verb, stdout] of [["start", `${JOB_ID}\n`], ["run", "hi\n"], ["run -q", ""]] as const
  ) {
    const line = [...verb.split(" "), "--request-id", "once", "--", "sh", "-c"];
    assert.deepEqual(await runCli([...line, "echo ho"], calls), {
      exitStatus: 0,
      stdout,
      stderr: said,
    });
    assert.deepEqual(await runCli([...line, "echo hi"], calls), {
      exitStatus: 0,
      stdout,
      stderr: "",
    });
  }
  // Without an id of the user's own there is none to mistake.
  assert.equal((await runCli(["start", "--", "ls"], calls)).stderr, "");
});

Deno.test("logs asks for what was asked of it and exits with 0 whatever the job did", async () => {
  const requests: StreamLogsRequest[] = [];
  const answer = streamer(batchesOf(FAILED, recordsOf(["stdout", "a\nb"], ["stderr", "c"])));
  const streamLogs: typeof answer = (request, options) => {
    requests.push(request);
    return answer(request, options);
  };
  const plain = await runCli(["logs", "all", JOB_ID], { streamLogs });
  assert.deepEqual(plain, { exitStatus: 0, stdout: "a\nb", stderr: "c" });
  await runCli(["logs", "stderr", JOB_ID, "--follow", "--tail", "5"], { streamLogs });
  await runCli(["logs", "stdout", JOB_ID, "--since", "1970-01-01T00:00:01Z"], { streamLogs });
  const from = Date.now();
  await runCli(["logs", "all", JOB_ID, "--since", "10m"], { streamLogs });
  const until = Date.now();

  const ago = requests.pop();
  assert.ok(ago?.start.kind === "since");
  assert.ok(ago.start.time >= from - 600_000 && ago.start.time <= until - 600_000);
  assert.deepEqual(requests, [
    { jobId: JOB_ID, streams: [], follow: false, start: { kind: "offset", offset: 0 } },
    { jobId: JOB_ID, streams: ["stderr"], follow: true, start: { kind: "tail", lines: 5 } },
    { jobId: JOB_ID, streams: ["stdout"], follow: false, start: { kind: "since", time: 1_000 } },
  ]);

  const stamped = await runCli(["logs", "all", JOB_ID, "-t"], { streamLogs });
  assert.equal(stamped.stdout, "2026-07-31T09:30:00.000Z a\n2026-07-31T09:30:00.000Z b");
  assert.equal(stamped.stderr, "2026-07-31T09:30:00.001Z c");
});

Deno.test("logs --follow leaves with 130 at Ctrl-C and stops nothing", async () => {
  const io = new FakeIo({
    streamLogs: streamer(batchesOf(null, recordsOf(["stdout", "x"])), { open: true }),
  });
  const exitStatus = main(["logs", "all", JOB_ID, "--follow"], io);
  await io.stdout.includes("x");
  io.interrupt();
  assert.equal(await exitStatus, 130);
});

Deno.test("stop passes the signal and the grace on and says how the job ended", async () => {
  const requests: StopJobRequest[] = [];
  const stopJob = (request: StopJobRequest) => {
    requests.push(request);
    return Promise.resolve(STOPPED);
  };
  const line = ["stop", JOB_ID, "--signal", "INT", "--grace", "3s"];
  assert.deepEqual(await runCli(line, { stopJob }), { exitStatus: 0, stdout: "", stderr: "" });
  const typed = await runCli(["stop", JOB_ID], { stopJob }, { terminal: true });
  assert.equal(
    typed.stderr,
    `Job ${JOB_ID} cancelled: stopped by a user, killed by SIGTERM\n`,
  );
  const json = await runCli(["stop", JOB_ID, "--json"], { stopJob });
  assert.deepEqual(jsonLines(json.stdout), [{
    ...FAILED_JSON,
    status: "cancelled",
    reason: "stopped",
    exitStatus: { signal: "SIGTERM" },
  }]);
  assert.deepEqual(requests[0], { jobId: JOB_ID, stopSignal: "INT", gracePeriodMs: 3_000 });
  assert.deepEqual(requests[1], { jobId: JOB_ID, stopSignal: "", gracePeriodMs: null });
});

Deno.test("status prints aligned lines, and names but not values of variables", async () => {
  const job = jobOf({
    command: {
      name: "sh",
      args: ["-c", "\x1b[31m"],
      env: { TOKEN: "secret", A: "" },
      workingDirectory: "/tmp",
    },
    labels: { team: "blue", stage: "\x07" },
    execution: completeExecution({}),
    containment: "process_group",
    usage: null,
    logLimit: { bytes: 268435456, policy: "keep_newest" },
    logBytes: 0,
    outputTruncated: true,
    end: DONE,
  });
  const getJob = () => Promise.resolve(job);
  const { exitStatus, stdout, stderr } = await runCli(["status", JOB_ID], { getJob });
  assert.equal(exitStatus, 0);
  assert.equal(stderr, "");
  assert.equal(
    stdout,
    [
      `Job:        ${JOB_ID}`,
      String.raw`Command:    sh -c $'\x1b[31m'`,
      "Directory:  /tmp",
      "Variables:  TOKEN, A",
      "Status:     done: exit code 0",
      "Owner:      alice",
      "Process:    4711",
      "Held by:    process group: stopping the job misses processes that have left its session",
      "Limits:     grace period of 10s",
      "Started:    2026-07-31T09:30:00.000Z",
      "Finished:   2026-07-31T09:31:30.000Z",
      "Took:       1m30s",
      "Output:     3 bytes on stdout, 0 on stderr; a process that had left the job may " +
      "have printed more",
      "Log:        0B of 256MiB, keep-newest",
      String.raw`Labels:     team=blue, stage=\x07`,
      "",
    ].join("\n"),
  );
  const json = await runCli(["status", JOB_ID, "--json"], {
    getJob: () => Promise.resolve(FAILED),
  });
  assert.deepEqual(jsonLines(json.stdout), [FAILED_JSON]);
});

Deno.test("status colours the outcome on a terminal, unless that is not wanted", async () => {
  const calls = { getJob: () => Promise.resolve(FAILED) };
  const line = ["status", JOB_ID];
  const colored = await runCli(line, calls, { terminal: true });
  const shown = colored.stdout.replaceAll("\x1b", "ESC");
  assert.match(shown, /^Status: +ESC\[31mfailed: exit code 3ESC\[39m$/m);
  const environment = { NO_COLOR: "1" };
  for (
    const plain of [
      await runCli([...line, "--no-color"], calls, { terminal: true }),
      await runCli(line, calls, { terminal: true, environment }),
      await runCli(line, calls),
    ]
  ) assert.ok(!plain.stdout.includes("\x1b"));
});

Deno.test("wait prints nothing in a pipe and exits with the job's status", async () => {
  const waitJob = () => Promise.resolve(FAILED);
  assert.deepEqual(await runCli(["wait", JOB_ID], { waitJob }), {
    exitStatus: 3,
    stdout: "",
    stderr: "",
  });
  const typed = await runCli(["wait", JOB_ID], { waitJob }, { terminal: true });
  assert.equal(typed.stderr, `Job ${JOB_ID} failed: exit code 3\n`);
  const json = await runCli(["wait", JOB_ID, "--json"], {
    waitJob,
  });
  assert.deepEqual(jsonLines(json.stdout), [FAILED_JSON]);
  assert.equal(json.exitStatus, 3);
});

Deno.test("health exits with 0 only if the daemon takes calls", async () => {
  const serving = await runCli(["health"], { checkHealth: () => Promise.resolve("serving") });
  assert.deepEqual(serving, { exitStatus: 0, stdout: "serving\n", stderr: "" });
  const not = await runCli(["health", "--json"], {
    checkHealth: () => Promise.resolve("not_serving"),
  });
  assert.deepEqual(not, { exitStatus: 125, stdout: '{"status":"not_serving"}\n', stderr: "" });

  const hangs = await runCli(["health"], {
    checkHealth: (options) => {
      assert.ok(Number.isFinite(options?.timeoutMs));
      return Promise.reject(new JobWorkerError("deadline_exceeded", "Deadline exceeded"));
    },
  });
  assert.equal(hangs.exitStatus, 125);
  assert.match(hangs.stderr, /0\.0\.0\.0:8080 did not answer in time/);
});

Deno.test("certs makes certificates, says which, and replaces none", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const line = ["certs", "--dir", `${directory}/new`, "--host", "worker.example"];
    const first = await runCli(line);
    assert.equal(first.exitStatus, 0, first.stderr);
    assert.match(first.stdout, /new\/client-cert\.pem {2,}\S/);
    assert.match(first.stdout, /build-7, worker\.example/);
    const again = await runCli(line);
    assert.equal(again.exitStatus, 125);
    assert.equal(again.stdout, "");
    assert.match(again.stderr, /--force/);
    const forced = await runCli([...line, "--force", "--json"]);
    assert.equal(forced.exitStatus, 0, forced.stderr);
    assert.equal(jsonLines(forced.stdout).length, first.stdout.trimEnd().split("\n").length);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("status and list say of a lost job only what is known", async () => {
  const status = await runCli(["status", JOB_ID], { getJob: () => Promise.resolve(LOST) });
  const facts = new Map(
    status.stdout.split("\n").map((line) => line.split(/: +/) as [string, string]),
  );
  assert.equal(facts.get("Last seen"), "2026-07-31T09:31:30.000Z");
  assert.equal(facts.get("Took"), "at least 1m30s");
  assert.equal(facts.get("Finished"), undefined);
  const listed = await runCli(["list", "all"], { listJobs: lister([LOST, FAILED]) }, {
    terminal: true,
  });
  assert.match(listed.stdout, / at least 1m30s .*\n.* ago +1m30s /);
});
