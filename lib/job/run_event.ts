/**
 * What comes of a command that was started on many hosts of a fleet.
 *
 * @module
 */

import type { Job, LogBatch, Unknown } from "./types.ts";

/**
 * Why nothing more is heard of it: `refused` and `offline`: it was not started; `unanswered`: whether it was, or how
 * it went on, is not known.
 */
export const RUN_FAILURE_KINDS = ["refused", "offline", "unanswered"] as const;

export type RunFailureKind = typeof RUN_FAILURE_KINDS[number];

export interface RunFailure {
  readonly kind: RunFailureKind | Unknown;
  /** In words. */
  readonly message: string;
}

/** What has come of it at a host. The last event of each has a failure, or a log with `finishedJob`. */
export interface RunEvent {
  readonly host: string;
  /** It has been started, or is queued. Of jobs here the command is empty. */
  readonly job?: Job;
  /** More of its output, and its end. */
  readonly log?: LogBatch;
  readonly failure?: RunFailure;
}

/** Whether nothing comes of this host after the event. */
export function isLastEvent({ log, failure }: RunEvent): boolean {
  return failure !== undefined || (log !== undefined && log.finishedJob !== null);
}
