import { JOB_STATUSES, type JobFilter, type JobStatus } from "./types.ts";

/** How many jobs there are of each status, {@linkcode MAX_COUNTED} standing for any more than that as well. */
export type StatusCounts = Readonly<Record<JobStatus, number>>;

/** How far the jobs of a status are counted, so that it takes as long however many there are. */
export const MAX_COUNTED = 10_000;

/**
 * Counts by the status what else a filter says.
 *
 * @param count how many match a filter by a single status, up to {@linkcode MAX_COUNTED}
 */
export async function countEach(
  filter: JobFilter,
  count: (filter: JobFilter) => number | Promise<number>,
): Promise<StatusCounts> {
  const counts: Record<JobStatus, number> = { ...NO_JOBS };
  for (const status of JOB_STATUSES) {
    counts[status] = await count({ ...filter, statuses: [status] });
  }
  return counts;
}

/** The counts of whoever may see no job. */
export const NO_JOBS: StatusCounts = { queued: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
