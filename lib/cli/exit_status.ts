/**
 * The exit statuses of `worker-cli`.
 *
 * @module
 */

import type { ErrorCode } from "../errors.ts";
import { type Io, printLine } from "./io.ts";
import type { Job } from "./job_client.ts";
import { outcomeText } from "./job_text.ts";
import { printable } from "../printable.ts";
import { signalNumber } from "../signals.ts";

/** The line or a value in it was not understood, as with most commands of Unix. */
export const USAGE = 2;

/** `worker-cli` itself failed, as with `timeout`, `env` and `docker run`. */
export const FAILURE = 125;

/** Programs that these signals end, as a shell reports them. */
export const ENDED_BY = { SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

/**
 * The exit status of an ended job, as a shell would report its leader: the code, or 128 + n if signal
 * n ended it. If there is none, because the job was lost, it says so.
 */
export async function exitStatusOfJob(io: Io, job: Job): Promise<number> {
  const exitStatus = job.end?.exitStatus ?? null;
  if (exitStatus !== null) {
    if ("code" in exitStatus) return exitStatus.code;
    const number = signalNumber(exitStatus.signal);
    if (number !== null) return 128 + number;
  }
  const id = printable(job.jobId);
  await printLine(io.stderr, `worker-cli: Job ${id} left no exit status: ${outcomeText(job)}`);
  return FAILURE;
}

/** The exit status after a call that failed with this code. */
export function exitStatusOfError(code: ErrorCode): number {
  return code === "invalid_argument" ? USAGE : FAILURE;
}
