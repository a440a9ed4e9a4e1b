import type { FinishedJob, JobStore } from "../job/job_store.ts";
import type { Job } from "../job/types.ts";

/** How much of the past is kept. A job outside any of these bounds is removed. */
export interface Retention {
  /** The longest time since a job finished, in milliseconds. */
  readonly maxAgeMs?: number;
  /** The most finished jobs. */
  readonly maxCount?: number;
  /** The most that their logs may take on disk, in bytes. */
  readonly maxBytes?: number;
}

/** What `Worker.prune()` has removed, or would remove. */
export interface Pruned {
  /** The newest of them, as many as fit on a page. */
  readonly jobs: readonly Job[];
  readonly count: number;
  /** What their logs took on disk, in bytes. */
  readonly bytes: number;
}

const PAGE = 500;

/**
 * The finished jobs that a retention does not keep, newest first: the newest jobs are kept as long as there
 * is room for them.
 *
 * @param now milliseconds since the Unix epoch
 * @param owner whose jobs to look at; the jobs of others are neither counted nor removed
 */
export async function* expired(
  store: JobStore,
  retention: Retention,
  now: number,
  owner?: string,
): AsyncGenerator<FinishedJob, void, undefined> {
  const { maxAgeMs = Infinity, maxCount = Infinity, maxBytes = Infinity } = retention;
  let count = 0;
  let bytes = 0;
  for (let before: string | undefined, full = true; full;) {
    const page = await store.finished(
      { limit: PAGE, ...(before === undefined ? {} : { before }) },
      owner,
    );
    for (const job of page) {
      count++;
      bytes += job.logBytes;
      const age = now - job.finishedAt;
      if (count > maxCount || bytes > maxBytes || age > maxAgeMs) yield job;
    }
    before = page.at(-1)?.jobId;
    full = page.length === PAGE;
  }
}
