import type { Job, StopJobRequest } from "../../lib/cli/job_client.ts";
import { main } from "../../lib/cli/main.ts";
import { JOB_LOST, JobWorkerError } from "../../lib/errors.ts";
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
import { FAILED, FAILED_JSON, jsonLines, KILLED, RUNNING_JSON, STOPPED } from "./jobs.ts";

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
      assert.deepEqual([...io.stderr.bytes.subarray(0, 3)], [0xff, 0x1b, 0x00]);
    }
  }
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

Deno.test("run --quiet prints nothing, reads no output, and exits with the job's status", async () => {
  for (
    const [job, expected] of [[FAILED, 3], [KILLED, 137], [STOPPED, 143]] as const
  ) {
    for (const terminal of [true, false]) {
      const waited: string[] = [];
      const io = new FakeIo({
        startJob: () => Promise.resolve(jobOf({ liveStatus: "queued", queuedAt: 1 })),
        waitJob: ({ jobId }) => {
          waited.push(jobId);
          return Promise.resolve(job);
        },
      }, { terminal });
      assert.equal(await main(["run", "--quiet", "--", "sh"], io), expected);
      assert.deepEqual([io.stdout.text, io.stderr.text, waited], ["", "", [JOB_ID]]);
    }
  }
});

Deno.test("run --quiet tells what keeps it from knowing how the job ends, and how to get back", async () => {
  const io = new FakeIo({
    startJob: () => Promise.resolve(jobOf()),
    waitJob: () => Promise.reject(new JobWorkerError("unavailable", "Nobody there")),
  });
  assert.equal(await main(["run", "-q", "--", "sh"], io), 125);
  assert.equal(io.stdout.text, "");
  assert.match(io.stderr.text, new RegExp(`Left job ${JOB_ID}, which keeps running`));
  assert.match(io.stderr.text, /Nobody there/);
});

Deno.test("run --quiet tells of an end that no exit status says", async () => {
  const lost = jobOf({
    end: { status: "failed", reason: "lost", exitStatus: null, finishedAt: 1 },
  });
  const io = new FakeIo({
    startJob: () => Promise.resolve(jobOf()),
    waitJob: () => Promise.resolve(lost),
  });
  assert.equal(await main(["run", "--quiet", "--", "sh"], io), 125);
  assert.match(io.stderr.text, new RegExp(`Job ${JOB_ID} failed: lost`));
});

Deno.test("run --quiet asks for no job that it was also told to print as JSON", async () => {
  const { stderr, exitStatus } = await runCli(["run", "--quiet", "--json", "--", "sh"]);
  assert.equal(exitStatus, 2);
  assert.match(stderr, /--quiet and --json cannot be used together/);
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
  assert.match(io.stderr.text, /Stopping the job; press Ctrl-C again/);
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
  assert.match(io.stderr.text, new RegExp(`Left job ${JOB_ID}, which has been asked to stop`));
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
    new RegExp(
      `^worker-cli: Left job ${JOB_ID}, which keeps running; .*\nworker-cli: Cannot connect\n`,
    ),
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

Deno.test("run does not say that a job goes on which is lost", async () => {
  const { exitStatus, stderr } = await runCli(["run", "--", "sleep", "9"], {
    startJob: () => Promise.resolve(jobOf()),
    streamLogs: async function* () {
      yield* batchesOf(null, recordsOf(["stdout", "x"]));
      throw new JobWorkerError("data_loss", "1 bytes did not reach the disk", { reason: JOB_LOST });
    },
  });
  assert.deepEqual([exitStatus, stderr], [125, "worker-cli: 1 bytes did not reach the disk\n"]);
});
