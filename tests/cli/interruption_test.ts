/** What becomes of jobs when the user, or whoever reads the output, leaves. */

import type { CallOptions, Job, JobClient } from "../../lib/cli/job_client.ts";
import { main } from "../../lib/cli/main.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import {
  batchesOf,
  FakeIo,
  type FakeIoOptions,
  JOB_ID,
  jobOf,
  recordsOf,
  rejection,
  runCli,
  streamer,
} from "./fake_daemon.ts";
import { STOPPED } from "./jobs.ts";

const HOW_TO_GO_ON = `to see its output: worker-cli logs all ${JOB_ID} --follow; ` +
  `to stop it: worker-cli stop ${JOB_ID}\n`;

/** A daemon with a job that prints `x` and goes on until it is stopped; it counts the stops. */
class Running {
  stops = 0;
  readonly io: FakeIo;

  constructor(calls: Partial<JobClient> = {}, options: FakeIoOptions = {}) {
    const stopped = Promise.withResolvers<Job>();
    this.io = new FakeIo({
      startJob: () => Promise.resolve(jobOf()),
      stopJob: (_request, { signal } = {}) => {
        signal?.throwIfAborted();
        this.stops++;
        stopped.resolve(STOPPED);
        return stopped.promise;
      },
      streamLogs: streamer(batchesOf(null, recordsOf(["stdout", "x"])), { open: true }),
      ...calls,
    }, options);
  }
}

const openInput = { stdin: { read: () => new Promise<never>(() => {}) } };

Deno.test("run leaves the job running at a hang-up, and says how to get at it", async () => {
  const { io, ...running } = new Running();
  const exitStatus = main(["run", "--", "sh"], io);
  await io.stdout.includes("x");
  io.hangUp();
  assert.equal(await exitStatus, 129);
  assert.equal(running.stops, 0);
  assert.equal(
    io.stderr.text,
    `worker-cli: Hung up. Left job ${JOB_ID}, which keeps running; ${HOW_TO_GO_ON}`,
  );
});

Deno.test("run does not say any more that a start is under way once that was answered", async () => {
  const { io } = new Running({}, { terminal: true });
  const exitStatus = main(["run", "--", "sh"], io);
  await io.stdout.includes("x");
  io.interrupt();
  io.interrupt();
  assert.equal(await exitStatus, 130);
  assert.match(io.stderr.text, /^Stopping the job; press Ctrl-C again to leave/m);
  assert.doesNotMatch(io.stderr.text, /was asked to start/);
});

Deno.test("A last word that nobody reads keeps nobody for longer than two seconds", async () => {
  const { io } = new Running();
  io.stderr.write = () => new Promise(() => {});
  const exitStatus = main(["run", "--", "sh"], io);
  await io.stdout.includes("x");
  io.hangUp();
  assert.equal(await soon(exitStatus, () => "the end of a run after a hang-up", 20_000), 129);
});

Deno.test("run exits with 129 at a hang-up that takes standard error away, too", async () => {
  const { io } = new Running();
  const exitStatus = main(["run", "--", "sh"], io);
  await io.stdout.includes("x");
  io.stderr.closed = true;
  io.hangUp();
  assert.equal(await exitStatus, 129);
});

Deno.test("run leaves the job running once nobody reads its output, and says how to get at it", async () => {
  for (const line of [["run", "--", "sh"], ["run", "--json", "--", "sh"]]) {
    const running = new Running();
    running.io.stdout.closed = true;
    assert.equal(await main(line, running.io), 141);
    assert.equal(running.stops, 0);
    assert.equal(
      running.io.stderr.text,
      `worker-cli: Nobody reads the output any more. ` +
        `Left job ${JOB_ID}, which keeps running; ${HOW_TO_GO_ON}`,
    );
  }
});

Deno.test("run -i stops a job that will never have the rest of its input, and says so", async () => {
  const leave: [(io: FakeIo) => void, number][] = [
    [(io) => io.hangUp(), 129],
    [(io) => io.stdout.closed = true, 141],
  ];
  for (const [how, expected] of leave) {
    const more = Promise.withResolvers<void>();
    const running = new Running({
      async *streamLogs(_request, options: CallOptions = {}) {
        const [first, next] = [batchesOf(null, recordsOf(["stdout", "x"])), batchesOf(null)];
        yield* first;
        await more.promise;
        yield* batchesOf(null, recordsOf(["stdout", "y"]));
        await rejection(options);
        yield* next;
      },
    }, openInput);
    const { io } = running;
    const exitStatus = main(["run", "-i", "--", "cat"], io);
    await io.stdout.includes("x");
    how(io);
    more.resolve();
    assert.equal(await exitStatus, expected);
    assert.equal(running.stops, 1);
    assert.match(io.stderr.text, new RegExp(`Left job ${JOB_ID}, which has been asked to stop; `));
  }
});

Deno.test("run -i leaves a daemon that does not hear within two seconds that the job is to stop", async () => {
  const stopJob: JobClient["stopJob"] = (_request, options) => rejection(options);
  const { io } = new Running({ stopJob }, openInput);
  const exitStatus = main(["run", "-i", "--", "sh"], io);
  await io.stdout.includes("x");
  io.hangUp();
  assert.equal(await soon(exitStatus, () => "the end of a run after a hang-up", 20_000), 129);
  assert.match(io.stderr.text, /Hung up\. Left job \S+, which has been asked to stop/);
});

Deno.test("start that is interrupted waits for the id, prints it, and says that the job goes on", async () => {
  const answer = Promise.withResolvers<Job>();
  const called = Promise.withResolvers<void>();
  const io = new FakeIo({
    startJob: (_request, options) => {
      called.resolve();
      return Promise.race([answer.promise, rejection(options)]);
    },
  });
  const exitStatus = main(["start", "--", "sh"], io);
  await called.promise;
  io.interrupt();
  answer.resolve(jobOf());
  assert.equal(await exitStatus, 130);
  assert.equal(io.stdout.text, `${JOB_ID}\n`);
  assert.equal(
    io.stderr.text,
    `worker-cli: Interrupted by SIGINT. Left job ${JOB_ID}, which keeps running; ${HOW_TO_GO_ON}`,
  );
});

Deno.test("start whose id nobody reads says it on standard error", async () => {
  const { io } = new Running();
  io.stdout.closed = true;
  assert.equal(await main(["start", "--", "sh"], io), 141);
  assert.equal(
    io.stderr.text,
    `worker-cli: Nobody reads the id of the job. Left job ${JOB_ID}, which keeps running; ${HOW_TO_GO_ON}`,
  );
});

Deno.test("Who leaves a daemon before it has answered is told what may have become of it", async () => {
  const lines: [string, RegExp][] = [
    ["start -- sh", /the job may have been started/],
    ["run -- sh", /the job may have been started/],
    [`stop ${JOB_ID}`, /may still be stopping/],
    [`signal ${JOB_ID} HUP`, /may have been sent HUP/],
    [`update ${JOB_ID} --timeout 1h`, /may have been changed/],
    ["prune --keep 0", /jobs may have been removed/],
    [`wait ${JOB_ID}`, /Left job .* which keeps running/],
    [
      "stop --all",
      /has answered for 0 of 1 jobs; 1 may still be stopping, and 0 were not asked/,
    ],
  ];
  for (const [line, words] of lines) {
    const called = Promise.withResolvers<void>();
    const unanswered = (_request: unknown, options?: CallOptions) => {
      called.resolve();
      return rejection(options);
    };
    const io = new FakeIo({
      startJob: unanswered,
      stopJob: unanswered,
      signalJob: unanswered,
      updateJob: unanswered,
      pruneJobs: unanswered,
      waitJob: unanswered,
      listJobs: () => Promise.resolve({ jobs: [jobOf()], nextPageToken: "" }),
    });
    const exitStatus = main(line.split(" "), io);
    await called.promise;
    io.hangUp();
    assert.equal(await exitStatus, 129, line);
    assert.match(io.stderr.text, words);
    assert.match(io.stderr.text, /^worker-cli: Hung up[^\n]*\n$/);
  }
});

Deno.test("stop --all asks many jobs to stop at once, so that none waits for the grace of another", async () => {
  const jobs = Array.from({ length: 100 }, (_, n) => jobOf({ jobId: `${JOB_ID}${n}` }));
  const many = Promise.withResolvers<void>();
  let [asked, most] = [0, 0];
  const io = new FakeIo({
    listJobs: () => Promise.resolve({ jobs, nextPageToken: "" }),
    stopJob: async () => {
      most = Math.max(most, ++asked);
      if (asked === 64) many.resolve();
      await many.promise;
      asked--;
      return STOPPED;
    },
  });
  const exitStatus = main(["stop", "--all"], io);
  assert.equal(await soon(exitStatus, () => "64 to be asked at once", 20_000), 0);
  assert.equal(most, 64);
  assert.equal(io.stdout.text.split("\n").length - 1, jobs.length);
});

Deno.test("Who only watches a job leaves it as it is, and says so where the exit status would be the job's", async () => {
  const said = new RegExp(`^worker-cli: .+\\. Left job ${JOB_ID}, which keeps running; [^\n]*\n$`);
  const lines: [string, RegExp][] = [
    [`logs all ${JOB_ID} --follow`, /^$/],
    [`logs stdout ${JOB_ID} --follow --json`, /^$/],
    [`output ${JOB_ID}`, said],
    [`output ${JOB_ID} --json`, said],
  ];
  const leave: [(io: FakeIo) => void, number][] = [
    [(io) => io.interrupt(), 130],
    [(io) => io.hangUp(), 129],
  ];
  for (const [line, stderr] of lines) {
    const help = (await runCli([line.split(" ")[0] ?? "", "--help"])).stdout;
    assert.match(
      help,
      /exit status 130\), SIGTERM \(143\) and a hang-up \(129\) .*: the job keeps running/s,
    );
    for (const [how, expected] of leave) {
      // Any other call is an error of the test.
      const io = new FakeIo({
        streamLogs: streamer(batchesOf(null, recordsOf(["stdout", "x"])), { open: true }),
      });
      const exitStatus = main(line.split(" "), io);
      await io.stdout.includes(line.includes("--json") ? "data" : "x");
      how(io);
      assert.equal(await exitStatus, expected, line);
      assert.match(io.stderr.text, stderr, line);
    }
  }
});

Deno.test("stop --all stops all of the jobs though nobody reads its lines any more", async () => {
  const jobs = Array.from({ length: 200 }, (_, index) => jobOf({ jobId: `${index}` }));
  const stopped: string[] = [];
  const io = new FakeIo({
    listJobs: () => Promise.resolve({ jobs, nextPageToken: "" }),
    stopJob: ({ jobId }) => {
      stopped.push(jobId);
      return Promise.resolve({ ...STOPPED, jobId });
    },
  });
  io.stdout.closed = true;
  assert.equal(await main(["stop", "--all"], io), 141);
  assert.equal(stopped.length, jobs.length);
});
