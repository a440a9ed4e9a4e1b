import type { Job, JobWorkerClient } from "../../lib/grpc/client.ts";
import { statusOf } from "../../lib/worker/types.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import type { TestProcess } from "../end_to_end/process.ts";
import { temporaryDirectory, textOf } from "../worker/fixture.ts";
import {
  assertNothingRuns,
  assertPrinted,
  MortalDaemon,
  outputOnDisk,
  PRINTER,
  SESSION_LEAVER,
} from "./fixture.ts";

const ROUNDS = 3;
const JOBS = 50;
const SCRIPTS = [PRINTER, SESSION_LEAVER];

async function listAll(client: JobWorkerClient): Promise<Job[]> {
  const jobs: Job[] = [];
  let pageToken = "";
  do {
    const page = await client.listJobs({ filter: {}, pageSize: 20, pageToken });
    jobs.push(...page.jobs);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return jobs;
}

function startPrinter(
  client: JobWorkerClient,
  requestId: string,
  script: string,
  signal = new AbortController().signal,
): Promise<Job> {
  const command = { name: "sh", args: ["-c", script], env: {}, workingDirectory: "/" };
  return client.startJob({ command, labels: { kind: "printer" }, requestId }, { signal });
}

async function readLog(client: JobWorkerClient, jobId: string): Promise<string> {
  const start = { kind: "offset", offset: 0 } as const;
  const batches = await Array.fromAsync(
    client.streamLogs({ jobId, streams: [], follow: true, start }),
  );
  assert.equal(batches.at(-1)?.finishedJob?.end?.reason, "lost");
  return textOf(batches.flatMap(({ records }) => records));
}

Deno.test(`the daemon settles what it left when it was killed, ${ROUNDS} times with ${JOBS} jobs`, async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  await using followers = new AsyncDisposableStack();
  let address = "127.0.0.1:0";
  const settled = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    /** By request id. */
    const acknowledged = new Map<string, Job>();
    let follower: TestProcess | undefined;
    {
      await using daemon = await MortalDaemon.start(certificates, directory.path, [
        `--address=${address}`,
      ]);
      address = daemon.address;
      await daemon.withClient(async (client) => {
        const dead = new AbortController();
        const starts = Array.from({ length: JOBS }, async (_, index) => {
          const requestId = `${round} ${index}`;
          const script = SCRIPTS[index % SCRIPTS.length] ?? PRINTER;
          const job = await startPrinter(client, requestId, script, dead.signal);
          acknowledged.set(requestId, job);
        });
        // In the first round all have started and one is followed; then some are still starting.
        if (round === 0) {
          await Promise.all(starts);
          const { jobId } = acknowledged.get("0 0") ?? {};
          follower = followers.use(daemon.startCli(["output", `${jobId}`]));
          await follower.seen(/line 20\n/);
        } else {
          await Promise.race(starts);
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
        }
        await daemon.kill();
        // Or they would try again.
        dead.abort();
        await Promise.allSettled(starts);
      });
    }

    await using daemon = await MortalDaemon.start(certificates, directory.path, [
      `--address=${address}`,
    ]);
    await daemon.withClient(async (client) => {
      const jobs = await listAll(client);
      const listed = new Map(jobs.map((job) => [job.jobId, job]));
      for (const { jobId, pid } of acknowledged.values()) assert.equal(listed.get(jobId)?.pid, pid);
      const lost = jobs.filter(({ jobId }) => !settled.has(jobId));
      assert.ok(lost.length >= acknowledged.size && lost.length <= JOBS);
      for (const job of lost) {
        settled.add(job.jobId);
        const { status, reason, exitStatus } = job.end ?? {};
        assert.deepEqual([status, reason, exitStatus], ["failed", "lost", null]);
        const text = await readLog(client, job.jobId);
        assert.equal(text, await outputOnDisk(`${directory.path}/data/logs/${job.jobId}`));
        assertPrinted(text);
      }
      await assertNothingRuns(lost.filter(({ pid }) => pid !== 0));

      const [[requestId, known] = []] = acknowledged;
      assert.ok(requestId !== undefined && known !== undefined);
      const repeated = await startPrinter(client, requestId, PRINTER);
      assert.equal(repeated.jobId, known.jobId);
      assert.equal(statusOf(repeated), "failed");
      const run = await daemon.cli(["run", "--", "echo", "new"]);
      assert.deepEqual([run.code, run.stdout], [0, "new\n"]);
      const [newest] = (await client.listJobs({ filter: {}, pageSize: 1, pageToken: "" })).jobs;
      settled.add(newest?.jobId ?? "");
    });

    if (follower === undefined) continue;
    // It has connected again by itself, and has what there is, once.
    const { code, stdout, stderr } = await follower.finished();
    const followed = acknowledged.get("0 0")?.jobId ?? "";
    assert.equal(stdout, await outputOnDisk(`${directory.path}/data/logs/${followed}`));
    assert.equal(code, 125);
    assert.match(stderr, /left no exit status: failed: lost, the daemon died while the job ran/);
    const waited = await daemon.cli(["wait", followed]);
    assert.equal(waited.code, 125);
  }
});
