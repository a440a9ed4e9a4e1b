/**
 * What is said of a log that has less than it had, or than is recorded.
 *
 * @module
 */

import { JOB_LOST, JobWorkerError } from "../errors.ts";
import type { JobLog } from "./job_log.ts";
import type { Job } from "../job/types.ts";

/**
 * Refuses to go on where the log of an ended job has nothing any more: whoever asks has seen what was
 * there once.
 *
 * @throws `data_loss`, naming what is missing and why
 */
export function checkReach(log: JobLog, job: Job, offset: number): void {
  const { endOffset } = log;
  if (offset <= endOffset) return;
  if (job.end?.reason === "lost") {
    throw new JobWorkerError(
      "data_loss",
      `${offset - endOffset} bytes of the output before offset ${offset} did not reach the disk: ` +
        `the log of job "${job.jobId}" ends at byte ${endOffset}. The job is lost: the daemon died ` +
        "while it ran, and nobody knows how it ended",
      { reason: JOB_LOST },
    );
  }
  if (offset <= job.stdoutBytes + job.stderrBytes) checkWhole(log, job);
}

/**
 * The end of a log has nothing behind it that would be missed, but its length is recorded.
 *
 * @throws `data_loss` if the log is shorter
 */
export function checkWhole(log: JobLog, { jobId, stdoutBytes, stderrBytes }: Job): void {
  const bytes = stdoutBytes + stderrBytes;
  if (log.endOffset === bytes) return;
  throw new JobWorkerError(
    "data_loss",
    `The log of job "${jobId}" ends at byte ${log.endOffset} of ${bytes}: the rest is gone`,
  );
}
