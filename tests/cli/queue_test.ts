import type { StartJobRequest } from "../../lib/cli/job_client.ts";
import { assert } from "../assert.ts";
import {
  batchesOf,
  DONE,
  FakeIo,
  JOB_ID,
  jobOf,
  lister,
  QUEUED,
  runCli,
  streamer,
} from "./fake_daemon.ts";
import { main } from "../../lib/cli/main.ts";
import { soon } from "../soon.ts";

const PLACE = "3rd of 7, since all are taken";

/** A job that was taken out of the queue. */
const CANCELLED = jobOf({
  ...QUEUED,
  queue: null,
  end: { ...DONE, status: "cancelled", reason: "stopped", exitStatus: null },
});

Deno.test("start --queue asks for it, prints the id alone, and says the place on a terminal", async () => {
  const requests: StartJobRequest[] = [];
  const startJob = (request: StartJobRequest) => {
    requests.push(request);
    return Promise.resolve(QUEUED);
  };
  const line = ["start", "--queue", "--", "ls"];
  const piped = await runCli(line, { startJob });
  assert.deepEqual(piped, { exitStatus: 0, stdout: `${JOB_ID}\n`, stderr: "" });
  assert.equal(requests[0]?.queue, true);
  const typed = await runCli(line, { startJob }, { terminal: true });
  assert.match(
    typed.stderr,
    new RegExp(`^Queued: ${PLACE}; to see its output: worker-cli logs all`),
  );
});

Deno.test("run --queue says once why its job waits, and exits with its status", async () => {
  const line = ["run", "--queue", "--", "ls"];
  const startJob = () => Promise.resolve(QUEUED);
  const ran = await runCli(line, {
    startJob,
    streamLogs: streamer(batchesOf(jobOf({ end: DONE }), [])),
  });
  const why = `worker-cli: Job ${JOB_ID} is queued: ${PLACE}\n`;
  assert.deepEqual(ran, { exitStatus: 0, stdout: "", stderr: why });
  const cancelled = await runCli(line, { startJob, streamLogs: streamer(batchesOf(CANCELLED)) });
  const how = `worker-cli: Job ${JOB_ID} cancelled: stopped by a user\n`;
  assert.deepEqual([cancelled.exitStatus, cancelled.stderr], [125, why + how]);
});

Deno.test("Ctrl-C during run --queue takes the job out of the queue", async () => {
  const stops: string[] = [];
  const stopped = Promise.withResolvers<void>();
  const following = Promise.withResolvers<void>();
  const io = new FakeIo({
    startJob: () => Promise.resolve(QUEUED),
    stopJob({ jobId }) {
      stops.push(jobId);
      stopped.resolve();
      return Promise.resolve(CANCELLED);
    },
    async *streamLogs() {
      following.resolve();
      await stopped.promise;
      yield* batchesOf(CANCELLED);
    },
  });
  const exitStatus = main(["run", "--queue", "--", "ls"], io);
  await following.promise;
  io.interrupt();
  assert.equal(await soon(exitStatus, () => "run to end"), 125);
  assert.deepEqual(stops, [JOB_ID]);
});

Deno.test("status and list show a job that waits, and one that never ran", async () => {
  const status = async (job: typeof QUEUED) => {
    const { stdout } = await runCli(["status", JOB_ID], { getJob: () => Promise.resolve(job) });
    return stdout;
  };
  const waiting = await status(QUEUED);
  assert.match(waiting, new RegExp(`^Place: +${PLACE}$`, "m"));
  assert.match(waiting, /^Status: +queued$/m);
  assert.match(waiting, /^Queued: +2026-07-31T09:30:00.000Z$/m);
  assert.doesNotMatch(waiting, /^(Started|Took|Process|Held by|Finished):/m);
  assert.match(await status({ ...QUEUED, queue: null }), /^Place: +its turn has come$/m);
  const end = { ...DONE, status: "failed", reason: "start_failed", exitStatus: null } as const;
  const failed = await status({ ...CANCELLED, end: { ...end, detail: "no such program" } });
  assert.match(failed, /^Status: +failed: could not be started when its turn came$/m);
  assert.match(failed, /^Detail: +no such program$/m);
  assert.doesNotMatch(failed, /^(Place|Started|Took):/m);
  const listed = await runCli(["list", "queued"], { listJobs: lister([QUEUED]) });
  assert.equal(listed.stdout, `${JOB_ID}\tqueued\t-\t-\t-\talice\tsh -c 'echo hi'\t-\n`);
  const seen = await runCli(["list", "queued"], { listJobs: lister([QUEUED]) }, { terminal: true });
  assert.match(seen.stdout, / {2}\S*queued #3\S* {2}- {5}- {8}- {5}alice {2}sh/);
});

Deno.test("A job whose turn has come in a fleet, and that its host has not answered for, has no place", async () => {
  const reason = 'host "web-1" was given it';
  const given = { ...QUEUED, host: "web-1", queue: { position: 0, length: 7, reason } };
  const { stdout } = await runCli(["status", JOB_ID], { getJob: () => Promise.resolve(given) });
  assert.match(stdout, /^Status: +queued$/m);
  assert.match(stdout, /^Place: +its turn has come: host "web-1" was given it$/m);
});

Deno.test("start --if-host-lost=rerun says on a terminal that the job may run twice", async () => {
  const line = ["start", "--if-host-lost=rerun", "--", "ls"];
  const calls = { startJob: () => Promise.resolve(jobOf()) };
  const typed = await runCli(line, calls, { terminal: true });
  assert.match(typed.stderr, /^If its host is lost, the job is run again .* it may run twice\n/);
  assert.equal((await runCli(line, calls)).stderr, "");
  const wrong = await runCli(["start", "--if-host-lost=retry", "--", "ls"]);
  assert.match(wrong.stderr, /"retry" is not one of wait, rerun/);
});
