/**
 * The exit statuses of `worker-cli`.
 *
 * @module
 */

import type { ErrorCode } from "../errors.ts";
import { type Io, warn } from "./io.ts";
import type { Job } from "./job_client.ts";
import { unusualEndText } from "./job_text.ts";
import { signalNumber } from "../job/signals.ts";

/** The line or a value in it was not understood, as with most commands of Unix. */
export const USAGE = 2;

/** `worker-cli` itself failed, as with `timeout`, `env` and `docker run`. */
export const FAILURE = 125;

/** Programs that these signals end, as a shell reports them. */
export const ENDED_BY = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

/**
 * The exit status of an ended job, as a shell would report its leader: the code, or 128 + n if signal
 * n ended it. What that does not tell is said, see {@linkcode tellEnd}.
 */
export async function exitStatusOfJob(io: Io, job: Job): Promise<number> {
  await tellEnd(io, job);
  const exitStatus = job.end?.exitStatus ?? null;
  if (exitStatus === null) return FAILURE;
  if ("code" in exitStatus) return exitStatus.code;
  const number = signalNumber(exitStatus.signal);
  return number === null ? FAILURE : 128 + number;
}

/** Says how and why a job ended, unless it just exited. */
export async function tellEnd(io: Io, job: Job): Promise<void> {
  const text = unusualEndText(job);
  if (text !== null) await warn(io, text);
}

/** The exit status after a call that failed with this code. */
export function exitStatusOfError(code: ErrorCode): number {
  return code === "invalid_argument" ? USAGE : FAILURE;
}
