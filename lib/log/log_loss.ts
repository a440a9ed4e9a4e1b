/**
 * Errors about a log that holds less than it once held, or less than its job's record says.
 *
 * @module
 */

import { JOB_LOST, JobWorkerError } from "../errors.ts";
import type { ReadableLog } from "./readable_log.ts";
import type { Job } from "../job/types.ts";

/**
 * Refuses an offset beyond the end of an ended job's log: the reader who asks has seen output up to there,
 * so some of it is gone.
 *
 * @throws `data_loss`, naming what is missing and why
 */
export function checkReach(log: ReadableLog, job: Job, offset: number): void {
  const { endOffset } = log;
  if (offset <= endOffset) return;
  if (job.end?.reason === "lost") {
    throw new JobWorkerError(
      "data_loss",
      `${offset - endOffset} bytes of the output before offset ${offset} did not reach the disk: ` +
        `the log of job "${job.jobId}" ends at byte ${endOffset}. The job is lost: the executor died ` +
        "while it ran, and nobody knows how it ended",
      { reason: JOB_LOST },
    );
  }
  if (offset <= job.stdoutBytes + job.stderrBytes) checkWhole(log, job);
}

/**
 * Checks the length of a log against the record of its job: nothing else tells that its end is missing.
 *
 * @throws `data_loss` if the log is shorter
 */
export function checkWhole(log: ReadableLog, { jobId, stdoutBytes, stderrBytes }: Job): void {
  const bytes = stdoutBytes + stderrBytes;
  if (log.endOffset === bytes) return;
  throw new JobWorkerError(
    "data_loss",
    `The log of job "${jobId}" ends at byte ${log.endOffset} of ${bytes}: the rest is gone`,
  );
}
