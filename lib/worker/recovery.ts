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
  /** When jobs were last known to run, in milliseconds since the Unix epoch. */
  readonly ranUntil: number;
  /** Called with the lost jobs, a page at a time. */
  readonly onLost: (jobs: readonly Job[]) => void;
  /** Called if the log of a lost job could not be flushed. */
  readonly onFault: (error: unknown, jobId: string) => void;
}

/**
 * Records the jobs that ran when a daemon died as lost, since nobody knows how they ended. Their logs stay.
 */
export async function recordLost(options: RecoveryOptions): Promise<void> {
  const { store, onLost } = options;
  const running = () => store.list({ statuses: ["running"] }, { limit: MAX_PAGE_JOBS });
  // A job that is recorded as lost no longer counts as running, so the loop ends.
  for (let jobs = await running(); jobs.length > 0; jobs = await running()) {
    const lost = await Promise.all(jobs.map((job) => lostJob(job, options)));
    await Promise.all(lost.map((job) => store.put(job)));
    onLost(lost);
  }
}

/** A job that ended at some time between the last sign of it and now. */
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

/** Repairs and flushes the log of a job, and measures how much output is in it. */
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
    // It printed nothing, or never got as far as starting.
    return { stdoutBytes: 0, stderrBytes: 0, logBytes: 0, lastTime: 0 };
  }
}
