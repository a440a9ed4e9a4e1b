import { settleAll } from "../async/settle_all.ts";
import type { Executor, RunningJob } from "../executor/executor.ts";
import type { JobStore } from "../job/job_store.ts";
import { MAX_PAGE_JOBS } from "../job/page_limit.ts";
import { beganAt, type Job } from "../job/types.ts";
import { JobLog } from "../log/job_log.ts";
import type { LogLibrary } from "../log/log_library.ts";

/** What {@linkcode recover} works on. */
export interface RecoveryOptions extends LostJobOptions {
  readonly store: JobStore;
  readonly executor: Executor;
  /** Takes up a job that goes on. */
  readonly adopt: (job: Job, running: RunningJob) => Promise<void>;
  /** See `WorkerOptions`. */
  readonly onAdopted: (job: Job, isConfirmed: boolean) => Promise<void>;
  /** Called with the lost jobs, a page at a time. */
  readonly onLost: (jobs: readonly Job[]) => void;
}

/**
 * Settles what a daemon that died, or handed over, has left of the jobs that were running: those that an executor
 * holds go on; one that was just being started and never got a process is forgotten, or queued again if it was
 * before; the others are recorded as lost, since nobody knows how they ended. Their logs stay.
 */
export async function recover(options: RecoveryOptions): Promise<void> {
  const { store, executor, adopt, onAdopted, onLost } = options;
  const { held, isComplete } = await executor.adopt(await store.unfinished());
  for (const running of held) {
    const job = await store.get(running.jobId);
    if (job === undefined || job.end !== null) {
      // Usually its end was recorded just before the daemon died. One without a record nobody could stop.
      await running.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "shutdown" });
      running.release();
    } else {
      await adopt(job, running);
      await onAdopted({ ...job, pid: running.pid }, running.isConfirmed);
      running.confirm();
    }
  }
  const isHeld = new Set(held.map(({ jobId }) => jobId));
  const page = (before: string | undefined) =>
    store.list({ statuses: ["running"] }, {
      limit: MAX_PAGE_JOBS,
      ...(before === undefined ? {} : { before }),
    });
  for (let jobs = await page(undefined); jobs.length > 0; jobs = await page(jobs.at(-1)?.jobId)) {
    const others = jobs.filter(({ jobId }) => !isHeld.has(jobId));
    const isForgotten = ({ pid }: Job) => isComplete && pid === 0;
    await Promise.all(
      others.filter(isForgotten).map(async (job) => {
        await executor.abandon(job.jobId);
        if (job.queuedAt === null) await store.delete(job.jobId, { neverRan: true });
        else await store.put({ ...job, startedAt: null, liveStatus: "queued" });
      }),
    );
    const lost = await Promise.all(
      others.filter((job) => !isForgotten(job)).map((job) => lostJob(job, options)),
    );
    await Promise.all(lost.map((job) => store.put(job)));
    if (lost.length > 0) onLost(lost);
  }
}

/** What {@linkcode lostJob} works on. */
export interface LostJobOptions {
  readonly logs: Pick<LogLibrary, "pathOf" | "flushNames">;
  /** When jobs were last known to run, in milliseconds since the Unix epoch. */
  readonly ranUntil: number;
  /** Called if the log of a lost job could not be flushed. */
  readonly onFault: (error: unknown, jobId: string) => void;
}

/** A job that ended at some time between the last sign of it and now. */
export async function lostJob(job: Job, options: LostJobOptions): Promise<Job> {
  const { lastTime, ...sizes } = await measureLog(job, options);
  const finishedAt = Math.max(beganAt(job), lastTime, Math.min(options.ranUntil, Date.now()));
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
  { logs, onFault }: LostJobOptions,
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
