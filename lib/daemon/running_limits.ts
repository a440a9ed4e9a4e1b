import { uidCount } from "../config/option_values.ts";
import type { DaemonOptions } from "../config/options.ts";
import { failedPrecondition } from "../errors.ts";
import type { SlotLimits } from "../worker/job_slots.ts";

/**
 * The descriptors that a job takes in its executor: for its process, its output, error and input, its log, and
 * the next file of that while the one before is not closed yet. In the engine it takes none.
 *
 * A job that is being prepared has none of these yet, and whatever looks at files for it takes fewer: see
 * `DESCRIPTORS_PER_LOOKUP`.
 */
export const DESCRIPTORS_PER_JOB = 6;

/**
 * What an executor needs besides: 32 for its sockets, the shell that asks the kernel and what Deno has open
 * [measured], and the rest for the files of a few flushes, another shell, the connection of another engine, and the
 * ends of the pipes of a process that is just being started.
 */
export const DESCRIPTORS_OF_EXECUTOR = 64;

/** However many descriptors there are: each job takes memory and processes, too. */
const MAX_BY_DEFAULT = 4096;

/**
 * How many jobs may run, for executors that may have so many descriptors, and how many may wait.
 *
 * By default one user may have half of them: no more, so that nobody takes the places of all others; and no
 * less, since a daemon may well have one user who uses it.
 *
 * @throws `failed_precondition` for more than there are descriptors for
 */
export function runningLimits(
  options: Pick<DaemonOptions, Exclude<keyof SlotLimits, "maxQueuedBytes"> | "jobUids">,
  descriptors: number,
): SlotLimits {
  const room = Math.floor((descriptors - DESCRIPTORS_OF_EXECUTOR) / DESCRIPTORS_PER_JOB);
  const possible = Math.max(1, room);
  const isAuto = options.maxRunning === Infinity;
  if (!isAuto && options.maxRunning > possible) {
    throw failedPrecondition(
      `Cannot run ${options.maxRunning} jobs at once (--max-running): ${descriptors} descriptors are enough ` +
        `for ${possible}; raise the limit (LimitNOFILE of systemd, ulimit -Hn), or choose a lower number`,
    );
  }
  const { jobUids, maxRunningPerUser } = options;
  const maxRunning = isAuto
    ? Math.min(possible, uidCount(jobUids), MAX_BY_DEFAULT)
    : options.maxRunning;
  return {
    maxRunning,
    maxRunningPerUser: orHalf(maxRunningPerUser, maxRunning),
    ...queueLimits(options),
  };
}

/** How many may wait, here or at the hub of a fleet. */
export function queueLimits(
  { maxQueued, maxQueuedPerUser }: Pick<DaemonOptions, "maxQueued" | "maxQueuedPerUser">,
): Pick<SlotLimits, "maxQueued" | "maxQueuedPerUser"> {
  return { maxQueued, maxQueuedPerUser: orHalf(maxQueuedPerUser, maxQueued) };
}

/** A limit for one user, or half of the one for all if it is to be chosen. */
function orHalf(limit: number, ofAll: number): number {
  return limit === Infinity ? Math.ceil(ofAll / 2) : limit;
}
