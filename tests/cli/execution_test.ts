import type { Input } from "../../lib/cli/io.ts";
import type { Job, StartJobRequest, WriteInputRequest } from "../../lib/cli/job_client.ts";
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
  streamer,
} from "./fake_daemon.ts";
import { usageErrorOf, verbOf } from "./parsing.ts";

const ENDED = jobOf({ end: DONE });
const STOPPED = jobOf({
  end: { ...DONE, status: "cancelled", reason: "stopped", exitStatus: { signal: "SIGTERM" } },
});
const SECOND = "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c";

/** An input that holds these pieces, then its end; or stays open. */
function inputOf(pieces: readonly Uint8Array[], { open = false } = {}): Input {
  const left = [...pieces];
  return {
    read(buffer) {
      const piece = left.shift();
      if (piece !== undefined) {
        buffer.set(piece);
        return Promise.resolve(piece.length);
      }
      return open ? new Promise(() => {}) : Promise.resolve(null);
    },
  };
}

/** A daemon whose job has taken all of its input before it ends. */
function readingJob(requests: WriteInputRequest[]) {
  const taken = Promise.withResolvers<void>();
  return {
    startJob: () => Promise.resolve(jobOf()),
    writeInput: (request: WriteInputRequest) => {
      requests.push({ ...request, data: request.data.slice() });
      if (request.end) taken.resolve();
      return Promise.resolve({ accepted: request.offset + request.data.length });
    },
    async *streamLogs() {
      await taken.promise;
      yield* batchesOf(ENDED);
    },
  };
}

Deno.test("parse() reads how a job is to be run, and leaves the rest to the daemon", () => {
  const options = "--timeout 1m --grace 5s --user ann --umask 027 --nice -5 " +
    "--memory 512MiB --cpus 1.5 --processes 10";
  const command = { name: "ls", args: [], env: {}, workingDirectory: "" };
  const execution = {
    user: "ann",
    umask: "027",
    nice: -5,
    timeoutMs: 60_000,
    gracePeriodMs: 5_000,
    limits: { memoryBytes: 512 * 1024 * 1024, cpus: 1.5, processes: 10 },
  };
  const job = { command, labels: {}, requestId: "", execution };
  for (const kind of ["start", "run"] as const) {
    assert.deepEqual(verbOf(kind, ...options.split(" "), "--", "ls"), { kind, job });
    assert.deepEqual(verbOf(kind, "--cpus", "2", "--", "ls"), {
      kind,
      job: { ...job, execution: { limits: { cpus: 2 } } },
    });
  }
  assert.deepEqual(verbOf("run", "-i", "--", "ls"), {
    kind: "run",
    job: { ...job, execution: { hasInput: true } },
  });
});

Deno.test("parse() reads signal, update and stop --all", () => {
  assert.deepEqual(verbOf("signal", "0199", "HUP"), {
    kind: "signal",
    jobId: "0199",
    signal: "HUP",
  });
  for (const [text, timeoutMs] of [["2h", 7_200_000], ["none", 0]] as const) {
    const verb = { kind: "update", jobId: "0199", timeoutMs };
    assert.deepEqual(verbOf("update", "0199", "--timeout", text), verb);
  }
  const all = { kind: "stop_all", owner: "", labels: {}, stopSignal: "", gracePeriodMs: null };
  assert.deepEqual(verbOf("stop", "--all"), all);
  const line = "stop --all --owner al --label a=1 --signal INT --grace 1s";
  assert.deepEqual(verbOf(...line.split(" ")), {
    ...all,
    owner: "al",
    labels: { a: "1" },
    stopSignal: "INT",
    gracePeriodMs: 1_000,
  });
});

Deno.test("parse() says what is wrong with how a job is to be run", () => {
  const lines: [string, RegExp][] = [
    ["start --timeout 0 -- ls", /"0" is not a valid time limit/],
    ["start --timeout soon -- ls", /"soon" is not valid/],
    ["start --nice low -- ls", /"low" is not a number/],
    ["start --cpus 1e3 -- ls", /"1e3" is not a number/],
    ["start --memory much -- ls", /"much" is not valid/],
    ["start --processes 0 -- ls", /"0" is not a whole number from 1/],
    ["start -i -- ls", /[Uu]nknown option '-i'/],
    ["signal 0199", /missing required argument 'signal'/i],
    ["update 0199", /--timeout/],
    ["stop", /needs either a job id or --all/],
    ["stop 0199 --all", /needs either a job id or --all/],
    ["stop 0199 --owner al", /--owner and --label can only be used with --all/],
  ];
  for (const [line, pattern] of lines) assert.match(usageErrorOf(line), pattern, line);
});

Deno.test("start passes on how the job is to be run", async () => {
  const requests: StartJobRequest[] = [];
  const startJob = (request: StartJobRequest) => {
    requests.push(request);
    return Promise.resolve(jobOf());
  };
  await runCli(["start", "--user", "ann", "--timeout", "1m", "--", "ls"], { startJob });
  assert.deepEqual(requests[0]?.execution, { user: "ann", timeoutMs: 60_000 });
});

Deno.test("run -i sends what it reads piece by piece, each with its offset, and then the end", async () => {
  const requests: WriteInputRequest[] = [];
  const pieces = [[1, 2, 3], [0, 255]].map((piece) => Uint8Array.from(piece));
  const options = { stdin: inputOf(pieces) };
  const { exitStatus } = await runCli(["run", "-i", "--", "cat"], readingJob(requests), options);
  assert.equal(exitStatus, 0);
  const sent = requests.map(({ offset, data, end }) => [offset, [...data], end]);
  assert.deepEqual(sent, [[0, [1, 2, 3], false], [3, [0, 255], false], [5, [], true]]);
});

Deno.test("run -i reads no further while the job has not taken what was read", async () => {
  const taken = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const requests: WriteInputRequest[] = [];
  const daemon = readingJob(requests);
  let reads = 0;
  const stdin: Input = { read: () => Promise.resolve(++reads > 3 ? null : 1) };
  const io = new FakeIo({
    ...daemon,
    writeInput: async (request) => {
      asked.resolve();
      await taken.promise;
      return await daemon.writeInput(request);
    },
  }, { stdin });
  const running = main(["run", "-i", "--", "cat"], io);
  await asked.promise;
  assert.equal(reads, 1);
  taken.resolve();
  assert.equal(await running, 0);
  assert.equal(reads, 4);
});

Deno.test("run -i ends quietly with a job that reads no more, or whose input is never typed", async () => {
  const closed = new JobWorkerError("failed_precondition", "The input of the job is closed");
  const daemon = {
    startJob: () => Promise.resolve(jobOf()),
    streamLogs: streamer(batchesOf(ENDED)),
    writeInput: () => Promise.reject(closed),
  };
  const ends = [
    await runCli(["run", "-i", "--", "true"], daemon, { stdin: inputOf([new Uint8Array(9)]) }),
    await runCli(["run", "-i", "--", "true"], daemon, { stdin: inputOf([], { open: true }) }),
  ];
  for (const end of ends) assert.deepEqual(end, { exitStatus: 0, stdout: "", stderr: "" });
});

Deno.test("run -i stops a job that cannot have the rest of its input", async () => {
  const stopped = Promise.withResolvers<Job>();
  const { exitStatus, stderr } = await runCli(["run", "-i", "--", "cat"], {
    startJob: () => Promise.resolve(jobOf()),
    stopJob: () => {
      stopped.resolve(STOPPED);
      return stopped.promise;
    },
    async *streamLogs() {
      yield* batchesOf(await stopped.promise);
    },
  }, { stdin: { read: () => Promise.reject(new Error("Is a directory (os error 21)")) } });
  assert.equal(exitStatus, 143);
  assert.match(stderr, /Cannot read standard input: Is a directory/);
});

Deno.test("run -i stops the job once nobody reads its output, as a pipeline would", async () => {
  let stops = 0;
  const io = new FakeIo({
    startJob: () => Promise.resolve(jobOf()),
    streamLogs: streamer(batchesOf(null, recordsOf(["stdout", "hi"])), { open: true }),
    stopJob: () => {
      stops++;
      return Promise.resolve(STOPPED);
    },
  }, { stdin: inputOf([], { open: true }) });
  io.stdout.closed = true;
  assert.equal(await main(["run", "-i", "--", "cat"], io), 141);
  assert.equal(stops, 1);
});

Deno.test("run without -i leaves standard input alone", async () => {
  const { exitStatus, stderr } = await runCli(["run", "--", "true"], {
    startJob: () => Promise.resolve(jobOf()),
    streamLogs: streamer(batchesOf(ENDED)),
  });
  assert.deepEqual([exitStatus, stderr], [0, ""]);
});

Deno.test("signal and update pass on what was asked", async () => {
  const requests: unknown[] = [];
  const answer = (request: unknown) => {
    requests.push(request);
    return Promise.resolve(jobOf());
  };
  const calls = { signalJob: answer, updateJob: answer };
  const quiet = { exitStatus: 0, stdout: "", stderr: "" };
  assert.deepEqual(await runCli(["signal", JOB_ID, "USR1"], calls), quiet);
  assert.deepEqual(await runCli(["update", JOB_ID, "--timeout", "2h"], calls), quiet);
  const typed = await runCli(["update", JOB_ID, "--timeout", "none"], calls, { terminal: true });
  assert.equal(typed.stderr, `Job ${JOB_ID} now has no time limit\n`);
  const json = await runCli(["signal", JOB_ID, "USR1", "--json"], calls);
  assert.equal(JSON.parse(json.stdout).jobId, JOB_ID);
  assert.deepEqual(requests.slice(0, 3), [
    { jobId: JOB_ID, signal: "USR1" },
    { jobId: JOB_ID, timeoutMs: 7_200_000 },
    { jobId: JOB_ID, timeoutMs: 0 },
  ]);
});

Deno.test("stop --all stops the jobs that match and run or wait, those that ended meanwhile included", async () => {
  const filters: unknown[] = [];
  const outcome = await runCli(["stop", "--all", "--owner", "al", "--label", "a=1"], {
    listJobs: ({ filter, pageToken }) => {
      filters.push(filter);
      return Promise.resolve(
        pageToken === ""
          ? { jobs: [jobOf()], nextPageToken: "next" }
          : { jobs: [jobOf({ jobId: SECOND })], nextPageToken: "" },
      );
    },
    stopJob: ({ jobId }) =>
      jobId === JOB_ID
        ? Promise.resolve(STOPPED)
        : Promise.reject(new JobWorkerError("failed_precondition", "It has already ended")),
    getJob: ({ jobId }) => Promise.resolve(jobOf({ jobId, end: DONE })),
  });
  const filter = { statuses: ["queued", "running"], owner: "al", labels: { a: "1" } };
  assert.deepEqual(filters, [filter, filter]);
  assert.deepEqual([outcome.exitStatus, outcome.stderr], [0, ""]);
  assert.deepEqual(outcome.stdout.trimEnd().split("\n").toSorted(), [
    `${JOB_ID}\tcancelled: stopped by a user, killed by SIGTERM`,
    `${SECOND}\tdone: exit code 0`,
  ]);
});

Deno.test("stop --all takes jobs out of the queue before it frees a slot for them", async () => {
  const waiting = jobOf({ jobId: SECOND, liveStatus: "queued", startedAt: null, pid: 0 });
  const asked: string[] = [];
  const { exitStatus } = await runCli(["stop", "--all"], {
    listJobs: () => Promise.resolve({ jobs: [jobOf(), waiting], nextPageToken: "" }),
    stopJob: ({ jobId }) => {
      asked.push(jobId);
      return Promise.resolve(STOPPED);
    },
  });
  assert.deepEqual([exitStatus, asked], [0, [SECOND, JOB_ID]]);
});

Deno.test("stop --all goes on after a job that it cannot stop, and exits with 1", async () => {
  const jobs = [jobOf(), jobOf({ jobId: SECOND })];
  const { exitStatus, stdout, stderr } = await runCli(["stop", "--all", "--json"], {
    listJobs: () => Promise.resolve({ jobs, nextPageToken: "" }),
    stopJob: ({ jobId }) =>
      jobId === SECOND
        ? Promise.resolve({ ...STOPPED, jobId })
        : Promise.reject(new JobWorkerError("permission_denied", "Not yours")),
  });
  assert.equal(exitStatus, 1);
  assert.equal(JSON.parse(stdout).jobId, SECOND);
  assert.match(stderr, /Not yours/);
});

Deno.test("stop --all leaves with 130 at Ctrl-C", async () => {
  const io = new FakeIo({
    listJobs: () => Promise.resolve({ jobs: [jobOf()], nextPageToken: "" }),
    stopJob: (_request, options) => {
      io.interrupt();
      return rejection(options);
    },
  });
  assert.equal(await main(["stop", "--all"], io), 130);
});

Deno.test("status tells what holds a job, its limits, and what it has used", async () => {
  const job = jobOf({
    execution: {
      user: "ann",
      umask: "027",
      nice: 5,
      timeoutMs: 60_000,
      gracePeriodMs: 5_000,
      limits: { memoryBytes: 1024 * 1024, cpus: 0.5, processes: 7 },
      hasInput: true,
    },
    containment: "cgroup",
    usage: { cpuMs: 1_500, peakMemoryBytes: 1024 * 1024, oomKills: 2 },
    end: { ...DONE, detail: "Out of memory: the kernel killed 2 of its processes" },
  });
  const getJob = () => Promise.resolve(job);
  const { stdout } = await runCli(["status", JOB_ID], { getJob });
  const expected = {
    Detail: "Out of memory: the kernel killed 2 of its processes",
    User: "ann",
    "Held by": "cgroup: stopping the job ends everything that it has started",
    Limits: "timeout of 1m, 1MiB of memory, CPUs: 0.5, processes: 7, grace period of 5s",
    Umask: "027",
    Nice: "5",
    Used: "1s500ms of CPU time, at most 1MiB of memory, out-of-memory kills: 2",
  };
  for (const [name, text] of Object.entries(expected)) {
    assert.match(stdout, new RegExp(`^${name}: +${text}$`, "m"));
  }
  const json = JSON.parse((await runCli(["status", JOB_ID, "--json"], { getJob })).stdout);
  assert.deepEqual(
    [json.execution, json.containment, json.usage],
    [job.execution, job.containment, job.usage],
  );
});
