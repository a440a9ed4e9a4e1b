import { delay } from "../async/delay.ts";
import { MAX_PAGE_JOBS } from "../job/page_limit.ts";
import { settleAll } from "../async/settle_all.ts";
import type { Cgroups } from "../process/cgroups.ts";
import { JobLog } from "../log/job_log.ts";
import type { JobStore, StoredJob } from "../job/job_store.ts";
import type { LogLibrary } from "../log/log_library.ts";
import type { ProcessGroups } from "../process/process_groups.ts";
import type { Job } from "../job/types.ts";

/** Killed processes take a moment to go, and may have made others just before. */
const LOOK_AGAIN_MS = 20;
const MAX_LOOKS = 100;

/** As far as it is needed here. */
type EndedCgroups = Pick<Cgroups, "kill" | "remove">;

/** What {@linkcode recover} works on. */
export interface RecoveryOptions {
  readonly store: JobStore;
  readonly groups: ProcessGroups;
  /** The cgroups that an earlier worker may have used, whether or not we do. */
  readonly findCgroups: () => Promise<EndedCgroups | null>;
  readonly logs: Pick<LogLibrary, "pathOf" | "flushNames">;
  /** When jobs were last known to run; milliseconds since the Unix epoch. */
  readonly ranUntil: number;
  /** Told of the lost jobs, a page at a time. */
  readonly onLost: (jobs: readonly Job[]) => void;
  /** Told why the log of one could not be brought to the disk. */
  readonly onFault: (error: unknown, job: Job) => void;
}

/**
 * Settles what a daemon that died has left behind: the jobs that ran then are recorded as lost, since
 * nobody knows how they ended, and what is left of them is killed. Their logs stay.
 */
export async function recover(options: RecoveryOptions): Promise<void> {
  const { store, groups, findCgroups } = options;
  const unfinished = await store.unfinished();
  if (unfinished.length === 0) return;
  const inCgroups = unfinished.filter(({ job }) => job.containment !== "process_group");
  if (inCgroups.length > 0) await endCgroups(inCgroups, await findCgroups());
  await killSurvivors(unfinished, groups);
  await recordLost(options);
}

async function recordLost(options: RecoveryOptions): Promise<void> {
  const { store, onLost } = options;
  const running = () => store.list({ statuses: ["running"] }, { limit: MAX_PAGE_JOBS });
  // Those that are recorded as lost are not found again.
  for (let jobs = await running(); jobs.length > 0; jobs = await running()) {
    const lost = await Promise.all(jobs.map((job) => lostJob(job, options)));
    await Promise.all(lost.map((job) => store.put(job)));
    onLost(lost);
  }
}

/** It ran until some time between the last that is known of it and now. */
async function lostJob(job: Job, options: RecoveryOptions): Promise<Job> {
  const { lastTime, ...sizes } = await measureLog(job, options);
  const finishedAt = Math.max(job.startedAt, lastTime, Math.min(options.ranUntil, Date.now()));
  return {
    ...job,
    ...sizes,
    outputTruncated: true,
    end: { status: "failed", reason: "lost", exitStatus: null, finishedAt },
  };
}

/** What is in the cgroup of a job is the job's, whatever it has become. */
async function endCgroups(jobs: readonly StoredJob[], cgroups: EndedCgroups | null): Promise<void> {
  if (cgroups === null) return;
  await Promise.all(jobs.map(async ({ job: { jobId } }) => {
    for (let look = 0; look < MAX_LOOKS; look++) {
      // Each time, for one that was just being started may enter it now; into none it cannot.
      await cgroups.kill(jobId);
      if (await cgroups.remove(jobId) !== null) return;
      await delay(LOOK_AGAIN_MS);
    }
  }));
}

/** Kills what the jobs have left, until nothing is found any more. */
async function killSurvivors(
  unfinished: readonly StoredJob[],
  groups: ProcessGroups,
): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const byJob = await groups.processesByJob();
    // All at once: those who ask for the groups of a session share a look at all processes.
    const killed = await Promise.all(
      unfinished.map((stored) => killRest(stored, byJob.get(stored.job.jobId) ?? [], groups)),
    );
    if (killed.every((count) => count === 0)) return;
    await delay(LOOK_AGAIN_MS);
  }
}

/**
 * Kills what one job has left. A process is the job's if it has the id *and* the start time of its
 * leader, and then so is its session; or if its environment names the job, which nothing else knows.
 * A process that merely got an id which was once the job's is left alone.
 *
 * @param named the processes whose environment names the job
 * @returns how much there was to kill
 */
async function killRest(
  { job: { pid }, processIdentity }: StoredJob,
  named: readonly number[],
  groups: ProcessGroups,
): Promise<number> {
  const isLeader = processIdentity !== "" && await groups.identityOf(pid) === processIdentity;
  const session = isLeader ? await groups.liveGroups(pid) : [];
  await Promise.all([
    ...session.map((group) => groups.signal("KILL", group)),
    ...named.map((pid) => groups.kill(pid)),
  ]);
  return session.length + named.length;
}

/** How much of its output a job has got into its log, which is whole and on the disk then. */
async function measureLog(
  job: Job,
  { logs, onFault }: RecoveryOptions,
): Promise<Pick<Job, "stdoutBytes" | "stderrBytes" | "logBytes"> & Pick<JobLog, "lastTime">> {
  try {
    const log = await JobLog.open(logs.pathOf(job.jobId));
    try {
      await log.mend();
      await settleAll([log.flush(), logs.flushNames()]);
    } catch (error) {
      onFault(error, job);
    }
    const { stdoutBytes, stderrBytes, diskBytes, lastTime } = log;
    return { stdoutBytes, stderrBytes, logBytes: diskBytes, lastTime };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // It has printed nothing, or did not get so far as to start.
    return { stdoutBytes: 0, stderrBytes: 0, logBytes: 0, lastTime: 0 };
  }
}
