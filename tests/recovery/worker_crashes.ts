import { statusOf } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { BOTH, cgroupsOf, FROM_START, temporaryDirectory, textOf } from "../worker/fixture.ts";
import {} from "../executor/job_fixture.ts";
import {
  assertNoStrayLogs,
  assertNothingRuns,
  assertPrinted,
  killWorker,
  listAll,
  NextWorker,
  outputOnDisk,
  PRINTER,
  SESSION_LEAVER,
} from "./fixture.ts";
import { seeded } from "../random.ts";

const random = seeded("worker crash");

const JOBS = 50;

/** The whole log of a job. */
export async function readAll({ worker }: NextWorker, jobId: string): Promise<string> {
  const options = { start: FROM_START, streams: BOTH, follow: true };
  const batches = await Array.fromAsync(worker.readLog(jobId, options));
  assert.equal(batches.at(-1)?.finishedJob?.jobId, jobId);
  return textOf(batches.flatMap(({ records }) => records));
}

/** Kills so many workers at random moments, and looks what the next one makes of what they left. */
export async function settleWhatIsLeft(rounds: number): Promise<void> {
  await using directory = await temporaryDirectory();
  const seen = new Set<string>();
  let acknowledged = 0;
  let printed = 0;
  for (let round = 0; round < rounds; round++) {
    const cgroups = round % 2 === 0;
    const scripts = [PRINTER, SESSION_LEAVER, "echo done", "exec sleep 1000"];
    const started = await killWorker(directory.path, { cgroups, count: JOBS, scripts }, (worker) =>
      // The first start is acknowledged about when the others are under way.
      round % 4 === 0
        ? worker.seen(/all/)
        : worker.seen(/jobId/).then(() =>
          new Promise((resolve) => setTimeout(resolve, random() * 300))
        ));
    acknowledged += started.length;

    await using next = await NextWorker.open(directory.path, { cgroups });
    const jobs = await listAll(next.worker);
    const byId = new Map(jobs.map((job) => [job.jobId, job]));
    for (const { jobId, pid } of started) assert.equal(byId.get(jobId)?.pid, pid);
    for (const job of jobs) {
      assert.notEqual(statusOf(job), "running");
      if (job.end?.reason !== "lost") assert.deepEqual(job.end?.exitStatus, { code: 0 });
      else assert.deepEqual([job.end.status, job.end.exitStatus], ["failed", null]);
    }
    const fresh = jobs.filter(({ jobId }) => !seen.has(jobId));
    assert.deepEqual(
      next.lost.map(({ jobId }) => jobId).sort(),
      fresh.filter(({ end }) => end?.reason === "lost").map(({ jobId }) => jobId).sort(),
      "Those that were lost before are not lost again",
    );
    await assertNothingRuns(fresh);
    assert.deepEqual(await cgroupsOf(fresh), []);
    await assertNoStrayLogs(`${directory.path}/logs`, jobs);
    for (const { jobId, stdoutBytes, command: { args } } of fresh) {
      seen.add(jobId);
      const text = await readAll(next, jobId);
      assert.equal(text, await outputOnDisk(`${directory.path}/logs/${jobId}`));
      assert.equal(text.length, stdoutBytes);
      if (args[1]?.includes("line")) assertPrinted(text);
      printed += text.length;
    }
    // New jobs start at once, and a request that was acknowledged is not made twice.
    const again = started[0];
    if (again === undefined) continue;
    const command = { name: "true" };
    const { requestId } = again;
    const repeated = await next.worker.start({ command, owner: "alice", requestId });
    assert.equal(repeated.jobId, again.jobId);
    const { jobId } = await next.worker.start({ command, owner: "alice" });
    assert.equal(statusOf(await next.worker.wait(jobId)), "done");
    seen.add(jobId);
    await next.worker.prune({ retention: { maxCount: 0 } });
  }
  assert.ok(acknowledged > rounds * JOBS / 4, `${acknowledged} starts`);
  assert.ok(printed > 0);
}
