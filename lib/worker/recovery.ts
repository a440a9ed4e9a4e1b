import { settleAll } from "../async/settle_all.ts";
import type { JobStore } from "../job/job_store.ts";
import { MAX_PAGE_JOBS } from "../job/page_limit.ts";
import type { Job } from "../job/types.ts";
import { JobLog } from "../log/job_log.ts";
import type { LogLibrary } from "../log/log_library.ts";

/** What {@linkcode recordLost} works on. */
export interface RecoveryOptions {
  readonly store: JobStore;
  readonly logs: Pick<LogLibrary, "pathOf" | "flushNames">;
  /** When jobs were last known to run; milliseconds since the Unix epoch. */
  readonly ranUntil: number;
  /** Told of the lost jobs, a page at a time. */
  readonly onLost: (jobs: readonly Job[]) => void;
  /** Told why the log of one could not be brought to the disk. */
  readonly onFault: (error: unknown, jobId: string) => void;
}

/**
 * Records as lost the jobs that ran when a daemon died: nobody knows how they ended. Their logs stay.
 */
export async function recordLost(options: RecoveryOptions): Promise<void> {
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
      onFault(error, job.jobId);
    }
    const { stdoutBytes, stderrBytes, diskBytes, lastTime } = log;
    return { stdoutBytes, stderrBytes, logBytes: diskBytes, lastTime };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // It has printed nothing, or did not get so far as to start.
    return { stdoutBytes: 0, stderrBytes: 0, logBytes: 0, lastTime: 0 };
  }
}
