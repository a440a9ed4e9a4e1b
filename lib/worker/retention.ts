import type { JobStore } from "./job_store.ts";
import type { Job, JobFilter } from "./types.ts";

/** How much of the past is kept. A job that is outside of any of these bounds goes. */
export interface Retention {
  /** Since it finished, in milliseconds. */
  readonly maxAgeMs?: number;
  /** How many finished jobs. */
  readonly maxCount?: number;
  /** What their logs take on disk, in bytes. */
  readonly maxBytes?: number;
}

const PAGE = 500;

/**
 * The finished jobs that a retention lets go, from the newest to the oldest: the newest are kept for
 * as long as there is room for them.
 *
 * @param filter whose jobs to look at; those of others neither count nor go
 * @param now milliseconds since the Unix epoch
 */
export async function* expired(
  store: JobStore,
  retention: Retention,
  filter: JobFilter,
  now: number,
): AsyncGenerator<Job, void, undefined> {
  const { maxAgeMs = Infinity, maxCount = Infinity, maxBytes = Infinity } = retention;
  const finished: JobFilter = { ...filter, statuses: ["done", "failed", "cancelled"] };
  let count = 0;
  let bytes = 0;
  for (let before: string | undefined, full = true; full;) {
    const page = await store.list(finished, {
      limit: PAGE,
      ...(before === undefined ? {} : { before }),
    });
    for (const job of page) {
      count++;
      bytes += job.logBytes;
      const age = now - (job.end?.finishedAt ?? now);
      if (count > maxCount || bytes > maxBytes || age > maxAgeMs) yield job;
    }
    before = page.at(-1)?.jobId;
    full = page.length === PAGE;
  }
}
