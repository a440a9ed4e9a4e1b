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

/** The command line was wrong; most Unix commands use this status. */
export const USAGE = 2;

/** `worker-cli` itself failed; `timeout`, `env` and `docker run` use this status, too. */
export const FAILURE = 125;

/** How a shell reports a program that one of these signals has ended. */
export const ENDED_BY = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

/** {@linkcode exitStatusOfJob}, after {@linkcode tellEnd} has said what the status does not. */
export async function exitStatusOfToldJob(io: Io, job: Job): Promise<number> {
  await tellEnd(io, job);
  return exitStatusOfJob(job);
}

/**
 * The exit status of an ended job, as a shell would report that of its leader: the exit code, or 128 + n
 * if signal n ended it.
 */
export function exitStatusOfJob(job: Job): number {
  const exitStatus = job.end?.exitStatus ?? null;
  if (exitStatus === null) return FAILURE;
  if ("code" in exitStatus) return exitStatus.code;
  const number = signalNumber(exitStatus.signal);
  return number === null ? FAILURE : 128 + number;
}

/** Says how and why a job ended, unless it simply exited. */
export async function tellEnd(io: Io, job: Job): Promise<void> {
  const text = unusualEndText(job);
  if (text !== null) await warn(io, text);
}

/** The exit status for a call that failed with this code. */
export function exitStatusOfError(code: ErrorCode): number {
  return code === "invalid_argument" ? USAGE : FAILURE;
}
