/**
 * What holds for the queue of a hub in whatever database it is kept.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import type { HostSelector } from "../job/host.ts";
import { type Job, type JobEnd, statusOf } from "../job/types.ts";
import { formatByteSize } from "../text/byte_size.ts";
import type { QueueLimits } from "./queue_store.ts";

/** What all that wait may take on the disk, half of it those of one owner. */
const MAX_QUEUED_BYTES = 256 * 2 ** 20;

/** How long it is remembered which job a start has become. */
export const STARTS_KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** How many jobs are kept that have ended without any host having them. */
export const MAX_ENDED = 10_000;

/** How often what is kept for a while only is looked through: after as many changes. */
export const FORGET_EVERY = 1_000;

/** How many wait, and what they take. */
export interface Queued {
  readonly count: number;
  readonly bytes: number;
}

/** @throws `resource_exhausted` if one more of so many bytes may not wait, naming the limit */
export function checkQueueLimits(
  { owner, bytes }: { readonly owner: string; readonly bytes: number },
  { all, own }: { readonly all: Queued; readonly own: Queued },
  { maxQueued, maxQueuedPerUser }: QueueLimits,
): void {
  const most = formatByteSize(MAX_QUEUED_BYTES);
  const half = formatByteSize(MAX_QUEUED_BYTES / 2);
  if (own.count >= maxQueuedPerUser) {
    throw exhausted(
      `user "${owner}" already has as many jobs in the queue as one user may, ${maxQueuedPerUser} ` +
        "(the hub's --max-queued-per-user); stop one of them, or try again when one has started",
    );
  }
  if (all.count >= maxQueued) {
    throw exhausted(
      `as many jobs are in the queue as may, ${maxQueued} (the hub's --max-queued); ` +
        "try again when one has started",
    );
  }
  if (own.bytes + bytes > MAX_QUEUED_BYTES / 2 || all.bytes + bytes > MAX_QUEUED_BYTES) {
    throw exhausted(
      `what the jobs in the queue are started with may take ${most}, and ${half} for those of one user; ` +
        "try again when one has started",
    );
  }
}

/** A job as it was before any host had it. */
export function asAdded(job: Job): Job {
  return statusOf(job) === "queued" ? job : { ...job, ...NOT_STARTED, queuedAt: Date.now() };
}

/** How a job ends whose host has left the fleet. */
export function lostWith(host: string): JobEnd {
  return {
    status: "failed",
    reason: "lost",
    exitStatus: null,
    finishedAt: Date.now(),
    detail: `host "${host}" was given the job, and has left the fleet without having answered: ` +
      "whether it has run there is not known",
  };
}

/** The same text for the same hosts. */
export function selectorText({ host, labels }: HostSelector): string {
  const sorted = Object.entries(labels).toSorted(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify({ host, labels: Object.fromEntries(sorted) });
}

export function selectorOf(text: unknown): HostSelector {
  return JSON.parse(String(text));
}

/** What a job loses that is to run again. */
const NOT_STARTED = {
  pid: 0,
  startedAt: null,
  stdoutBytes: 0,
  stderrBytes: 0,
  usage: null,
  logBytes: 0,
  outputTruncated: false,
  liveStatus: "queued",
  end: null,
} as const satisfies Partial<Job>;

function exhausted(why: string): JobWorkerError {
  return new JobWorkerError("resource_exhausted", `Cannot queue the job: ${why}`);
}
