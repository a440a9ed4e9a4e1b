import type { JobStore } from "../job/job_store.ts";
import { MAX_PAGE_JOBS, PageLimit } from "../job/page_limit.ts";
import type { Job } from "../job/types.ts";
import type { LogLibrary } from "../log/log_library.ts";
import type { ActiveJobs } from "./active_jobs.ts";
import { expired, type Pruned, type Retention } from "./retention.ts";

/** How many pruned jobs share a flush. */
const MAX_REMOVED = 100;

/** Options of {@linkcode prune}. */
export interface PruneOptions {
  readonly retention: Retention;
  /** Whose jobs to remove; all by default. */
  readonly owner?: string;
  /** Only tell what would be removed. */
  readonly dryRun?: boolean;
}

/** Removes finished jobs with their logs. A job whose log is being read stays. */
export async function prune(
  options: PruneOptions,
  { store, logs, active }: {
    readonly store: JobStore;
    readonly logs: LogLibrary;
    readonly active: ActiveJobs;
  },
): Promise<Pruned> {
  const { retention, owner, dryRun = false } = options;
  const pageLimit = new PageLimit({ limit: MAX_PAGE_JOBS });
  const jobs: Job[] = [];
  let count = 0;
  let total = 0;
  let removed: string[] = [];
  // In this order on the disk, too: nobody would ever find a log without a record.
  const forget = async () => {
    await logs.flushNames();
    await Promise.all(removed.map((jobId) => store.delete(jobId)));
    removed = [];
  };
  for (const { jobId, bytes } of await expired(store, retention, Date.now(), owner)) {
    if (logs.isRead(jobId) || active.has(jobId)) continue;
    const job = pageLimit.isFull ? undefined : await store.get(jobId);
    if (job !== undefined && pageLimit.admit(JSON.stringify(job))) jobs.push(job);
    count++;
    total += bytes;
    if (dryRun) continue;
    await logs.remove(jobId);
    if (removed.push(jobId) === MAX_REMOVED) await forget();
  }
  if (removed.length > 0) await forget();
  return { jobs, count, bytes: total };
}
