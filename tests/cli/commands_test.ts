import type {
  Job,
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
  recordsOf,
  rejection,
  runCli,
  STARTED_AT,
  streamer,
} from "./fake_daemon.ts";

const FAILED = jobOf({ end: { ...DONE, status: "failed", exitStatus: { code: 3 } } });
const KILLED = jobOf({
  end: { ...DONE, status: "failed", reason: "signaled", exitStatus: { signal: "SIGKILL" } },
});
const STOPPED = jobOf({
  end: { ...DONE, status: "cancelled", reason: "stopped", exitStatus: { signal: "SIGTERM" } },
});
const LOST = jobOf({ end: { ...DONE, status: "failed", reason: "lost", exitStatus: null } });

const RUNNING_JSON = {
  jobId: JOB_ID,
  command: { name: "sh", args: ["-c", "echo hi"], env: {}, workingDirectory: "" },
  status: "running",
  pid: 4711,
  owner: "alice",
  startDate: "2026-07-31T09:30:00.000Z",
  finishDate: null,
  exitStatus: null,
  reason: null,
  stdoutBytes: 3,
  stderrBytes: 0,
  labels: {},
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
  logLimit: { bytes: 268435456, policy: "keep_newest" },
  logBytes: 0,
  outputCut: false,
};
const FAILED_JSON = {
  ...RUNNING_JSON,
  status: "failed",
  finishDate: "2026-07-31T09:31:30.000Z",
  exitStatus: { code: 3 },
  reason: "exited",
};

function jsonLines(text: string): unknown[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("start prints the job's id alone, and words only on a terminal", async () => {
  const requests: StartJobRequest[] = [];
  const startJob = (request: StartJobRequest) => {
    requests.push(request);
    return Promise.resolve(jobOf());
  };
  const args = ["start", "--env", "A=1", "--cwd", "/", "--label", "l=2", "--request-id", "r", "--"];
  const piped = await runCli([...args, "ls", "-l"], { startJob });
  assert.deepEqual(piped, { exitStatus: 0, stdout: `${JOB_ID}\n`, stderr: "" });
  assert.deepEqual(requests, [{
    command: { name: "ls", args: ["-l"], env: { A: "1" }, workingDirectory: "/" },
    labels: { l: "2" },
    requestId: "r",
  }]);

  const typed = await runCli(["start", "--", "ls"], { startJob }, { terminal: true });
  assert.equal(typed.stdout, `${JOB_ID}\n`);
  assert.match(typed.stderr, new RegExp(`worker-cli logs all ${JOB_ID} --follow`));

  const json = await runCli(["start", "--json", "--", "ls"], { startJob });
  assert.deepEqual(jsonLines(json.stdout), [RUNNING_JSON]);
});

Deno.test("run and output print both streams byte for byte and exit with the job's status", async () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const records = recordsOf(
    ["stdout", [0xe2, 0x82]],
    ["stdout", [0xac]],
    ["stderr", [0xff, 0x1b, 0x00]],
    ["stdout", bytes],
  );
  const lines = [["run", "--", "sh"], ["output", JOB_ID]];
  for (
    const [job, expected] of [[FAILED, 3], [KILLED, 137], [STOPPED, 143]] as const
  ) {
    for (const line of lines) {
      const io = new FakeIo({
        startJob: () => Promise.resolve(jobOf()),
        streamLogs: streamer(batchesOf(job, records.slice(0, 1), records.slice(1))),
      });
      assert.equal(await main(line, io), expected);
      assert.deepEqual([...io.stdout.bytes], [0xe2, 0x82, 0xac, ...bytes]);
      assert.deepEqual([...io.stderr.bytes], [0xff, 0x1b, 0x00]);
    }
  }
});

Deno.test("output says why there is no status for a job that was lost", async () => {
  const { exitStatus, stderr } = await runCli(["output", JOB_ID], {
    streamLogs: streamer(batchesOf(LOST)),
  });
  assert.equal(exitStatus, 125);
  assert.match(stderr, /lost, the daemon died while the job ran/);
});

Deno.test("output writes neighbours of one stream at once and never out of order", async () => {
  const records = recordsOf(
    ["stdout", "a"],
    ["stdout", "b"],
    ["stderr", "c"],
    ["stdout", "d"],
    ["stdout", "e"],
  );
  const io = new FakeIo({ streamLogs: streamer(batchesOf(jobOf({ end: DONE }), records)) });
  assert.equal(await main(["output", JOB_ID], io), 0);
  const decoder = new TextDecoder();
  assert.deepEqual(io.stdout.writes.map((write) => decoder.decode(write)), ["ab", "de"]);
});

Deno.test("output does not ask for more while its reader is slow", async () => {
  const taken: number[] = [];
  const written = Promise.withResolvers<void>();
  const streamLogs = async function* () {
    for (const [index, record] of recordsOf(["stdout", "a"], ["stdout", "b"]).entries()) {
      taken.push(index);
      yield { records: [record], nextOffset: 0, finishedJob: index === 1 ? FAILED : null };
    }
  };
  const io = new FakeIo({ streamLogs });
  const writing = Promise.withResolvers<void>();
  io.stdout.write = () => {
    writing.resolve();
    return written.promise;
  };
  const exitStatus = main(["output", JOB_ID], io);
  await writing.promise;
  // All that could run without the write runs before a timer does.
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(taken, [0]);
  written.resolve();
  assert.equal(await exitStatus, 3);
  assert.deepEqual(taken, [0, 1]);
});

Deno.test("run asks the daemon to stop the job at the first Ctrl-C and shows its end", async () => {
  const stopped = Promise.withResolvers<Job>();
  const requests: StopJobRequest[] = [];
  const io = new FakeIo({
    startJob: () => Promise.resolve(jobOf()),
    stopJob: (request) => {
      requests.push(request);
      return stopped.promise;
    },
    streamLogs: async function* () {
      const [before, after] = batchesOf(STOPPED, recordsOf(["stdout", "before\n"]));
      if (before !== undefined) yield before;
      io.interrupt();
      stopped.resolve(STOPPED);
      const records = recordsOf(["stdout", "last words\n"]);
      if (after !== undefined) yield { ...after, records };
    },
  }, { terminal: true });
  assert.equal(await main(["run", "--", "sleep", "9"], io), 143);
  assert.equal(io.stdout.text, "before\nlast words\n");
  assert.deepEqual(requests, [{ jobId: JOB_ID, stopSignal: "", gracePeriodMs: null }]);
  assert.match(io.stderr.text, /Stopping the job; Ctrl-C again/);
});

Deno.test("run leaves at once at the second Ctrl-C", async () => {
  const io = new FakeIo({
    startJob: () => Promise.resolve(jobOf()),
    stopJob: (_, options) => rejection(options),
    streamLogs: streamer(batchesOf(null, recordsOf(["stdout", "x"])), { open: true }),
  }, { terminal: true });
  const exitStatus = main(["run", "--", "sleep", "9"], io);
  await io.stdout.includes("x");
  io.interrupt();
  await io.stderr.includes("Stopping");
  io.interrupt();
  assert.equal(await exitStatus, 130);
  assert.match(io.stderr.text, new RegExp(`Left job ${JOB_ID}, which was asked to stop`));
});

Deno.test("run names the job that goes on when the daemon is lost", async () => {
  const { exitStatus, stdout, stderr } = await runCli(["run", "--", "sleep", "9"], {
    startJob: () => Promise.resolve(jobOf()),
    streamLogs: async function* () {
      yield* batchesOf(null, recordsOf(["stdout", "x"]));
      throw new JobWorkerError("unavailable", "Cannot connect", { reason: "ECONNREFUSED" });
    },
  });
  assert.equal(exitStatus, 125);
  assert.equal(stdout, "x");
  assert.match(
    stderr,
    new RegExp(`Left job ${JOB_ID}, which goes on\nworker-cli: Cannot connect\n`),
  );
});

Deno.test("run stops a job whose start was answered after Ctrl-C", async () => {
  let stops = 0;
  const io = new FakeIo({
    startJob: () => {
      io.interrupt();
      return Promise.resolve(jobOf());
    },
    stopJob: () => {
      stops++;
      return Promise.resolve(STOPPED);
    },
    streamLogs: streamer(batchesOf(STOPPED)),
  });
  assert.equal(await main(["run", "--", "sleep", "9"], io), 143);
  assert.equal(stops, 1);
});

Deno.test("run minds neither a job that ended before the stop nor hides another failure", async () => {
  for (const code of ["failed_precondition", "permission_denied"] as const) {
    const io = new FakeIo({
      startJob: () => {
        io.interrupt();
        return Promise.resolve(jobOf());
      },
      stopJob: () => Promise.reject(new JobWorkerError(code, "Cannot stop")),
      streamLogs: streamer(batchesOf(FAILED)),
    });
    assert.equal(await main(["run", "--", "x"], io), 3);
    assert.equal(io.stderr.text.includes("Cannot stop"), code === "permission_denied");
  }
});

Deno.test("run --json tells the start, each record and the end", async () => {
  const { stdout, stderr } = await runCli(["run", "--json", "--", "sh"], {
    startJob: () => Promise.resolve(jobOf()),
    streamLogs: streamer(batchesOf(FAILED, recordsOf(["stdout", "a"], ["stderr", [0xff]]))),
  });
  assert.equal(stderr, "");
  assert.deepEqual(jsonLines(stdout), [
    { startedJob: RUNNING_JSON },
    {
      offset: 0,
      time: "2026-07-31T09:30:00.000Z",
      stream: "stdout",
      data: "YQ==",
      text: "a",
    },
    { offset: 1, time: "2026-07-31T09:30:00.001Z", stream: "stderr", data: "/w==" },
    { finishedJob: FAILED_JSON },
  ]);
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
    logLimit: { bytes: 268435456, policy: "keep_newest" },
    logBytes: 0,
    outputCut: true,
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
      "Held by:    process group: a stop does not reach what leaves its session",
      "Limits:     10s to end when stopped",
      "Started:    2026-07-31T09:30:00.000Z",
      "Finished:   2026-07-31T09:31:30.000Z",
      "Took:       1m30s",
      "Output:     3 bytes on stdout, 0 on stderr; more may have come from a process that had left " +
      "the job",
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
  const waitJob = () => Promise.resolve(KILLED);
  assert.deepEqual(await runCli(["wait", JOB_ID], { waitJob }), {
    exitStatus: 137,
    stdout: "",
    stderr: "",
  });
  const typed = await runCli(["wait", JOB_ID], { waitJob }, { terminal: true });
  assert.equal(typed.stderr, `Job ${JOB_ID} failed: killed by SIGKILL\n`);
  const json = await runCli(["wait", JOB_ID, "--json"], {
    waitJob: () => Promise.resolve(FAILED),
  });
  assert.deepEqual(jsonLines(json.stdout), [FAILED_JSON]);
  assert.equal(json.exitStatus, 3);
  const lost = await runCli(["wait", JOB_ID], { waitJob: () => Promise.resolve(LOST) });
  assert.equal(lost.exitStatus, 125);
  assert.match(lost.stderr, /lost/);
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

/** Ids in the order of a list, the newest first. */
const MANY = Array.from(
  { length: 5 },
  (_, index) => jobOf({ pid: index, startedAt: STARTED_AT - index }),
);

/** A daemon that gives two jobs a page. */
function pager(jobs: readonly Job[], sizes: number[] = []) {
  return ({ pageSize, pageToken }: { pageSize: number; pageToken: string }) => {
    sizes.push(pageSize);
    const from = Number(pageToken);
    const until = from + Math.min(2, pageSize);
    return Promise.resolve({
      jobs: jobs.slice(from, until),
      nextPageToken: until < jobs.length ? String(until) : "",
    });
  };
}

Deno.test("list reads every page, or as many jobs as wanted", async () => {
  const all = await runCli(["list", "--json"], { listJobs: pager(MANY) });
  assert.deepEqual(jsonLines(all.stdout).map((job) => (job as { pid: number }).pid), [
    0,
    1,
    2,
    3,
    4,
  ]);
  const sizes: number[] = [];
  const some = await runCli(["list", "--json", "--limit", "3"], { listJobs: pager(MANY, sizes) });
  assert.equal(jsonLines(some.stdout).length, 3);
  assert.deepEqual(sizes, [3, 1]);
});

Deno.test("list passes its filter on", async () => {
  const filters: unknown[] = [];
  const listJobs = ({ filter }: { filter: unknown }) => {
    filters.push(filter);
    return Promise.resolve({ jobs: [], nextPageToken: "" });
  };
  await runCli(["list", "failed", "--owner", "bob", "--label", "a=1"], { listJobs });
  await runCli(["list"], { listJobs });
  assert.deepEqual(filters, [
    { statuses: ["failed"], owner: "bob", labels: { a: "1" } },
    { labels: {} },
  ]);
});

Deno.test("list prints tabs in a pipe, one job a line whatever it is called", async () => {
  const odd = jobOf({
    command: { name: "a\tb", args: ["c\nd"], env: {}, workingDirectory: "" },
    owner: "al\tice",
  });
  const { stdout } = await runCli(["list"], { listJobs: pager([odd, KILLED]) });
  assert.equal(
    stdout,
    [
      `${JOB_ID}\trunning\t-\t2026-07-31T09:30:00.000Z\t-\tal\\x09ice\t$'a\\x09b' $'c\\x0ad'`,
      `${JOB_ID}\tfailed\tSIGKILL\t2026-07-31T09:30:00.000Z\t2026-07-31T09:31:30.000Z\talice\tsh -c 'echo hi'`,
      "",
    ].join("\n"),
  );
  assert.equal((await runCli(["list"], { listJobs: pager([]) })).stdout, "");
});

Deno.test("list fits a table to the terminal", async () => {
  const long = jobOf({
    command: { name: "echo", args: ["x".repeat(500)], env: {}, workingDirectory: "" },
    startedAt: Date.now() - 3_600_000,
    end: null,
  });
  const calls = { listJobs: pager([long, { ...KILLED, startedAt: Date.now() - 90_000 }]) };
  const { stdout } = await runCli(["list", "--no-color"], calls, { terminal: true });
  const [heading = "", first = "", second = ""] = stdout.split("\n");
  assert.match(heading, /^JOB +STATUS +EXIT +STARTED +TOOK +OWNER +COMMAND$/);
  assert.match(first, /^0199a1b2-c3d4-7e5f +running +- +1h ago +1h +alice +echo x+…$/);
  assert.equal(first.length, 80);
  assert.match(second, / sh -c 'echo hi'$/);
  assert.equal(heading.indexOf("COMMAND"), first.indexOf("echo"));

  const colored = await runCli(["list"], calls, { terminal: true });
  assert.ok(colored.stdout.includes("\x1b[36mrunning\x1b[39m"));
  const none = await runCli(["list"], { listJobs: pager([]) }, { terminal: true });
  assert.deepEqual(none, { exitStatus: 0, stdout: "", stderr: "No jobs\n" });
});
