import { matches } from "../job/matches.ts";
import { beganAt, LIVE_STATUSES } from "../job/types.ts";
import type { Job, JobFilter } from "./job_client.ts";
import type { JobPage } from "./job_pages.ts";

/** Options of {@linkcode JobView}. */
export interface JobViewOptions {
  readonly filter: JobFilter;
  /** How many jobs to show at most; `Infinity` for all of them. */
  readonly limit: number;
}

/** The newest of the jobs that match a filter, as they change. */
export class JobView {
  /** Which jobs to watch: those of the first page, and younger ones. */
  readonly changes: JobFilter;
  readonly #filter: JobFilter;
  readonly #limit: number;
  readonly #jobs: Map<string, Job>;
  /** Whether jobs that have left make room for older ones, which then have to be known. */
  readonly #isLive: boolean;
  #hasOlder: boolean;

  /** @param page the newest of them */
  constructor(
    { jobs, hasMore }: Omit<JobPage, "nextPageToken">,
    { filter, limit }: JobViewOptions,
  ) {
    const { statuses, startedAfter = 0 } = filter;
    this.#filter = filter;
    this.#limit = limit;
    this.#jobs = new Map(jobs.map((job) => [job.jobId, job]));
    this.#isLive = statuses?.every((status) => LIVE_STATUSES.some((live) => live === status)) ??
      false;
    this.#hasOlder = hasMore && !this.#isLive;
    // The records of the daemon may be many more than those that are shown.
    const since = jobs.reduce((time, job) => Math.min(time, beganAt(job)), Infinity);
    this.changes = this.#hasOlder
      ? { ...filter, startedAfter: Math.max(startedAfter, since) }
      : filter;
  }

  /** Whether there are jobs that match, and are not shown because they are too old. */
  get hasOlder(): boolean {
    return this.#hasOlder || this.#jobs.size > this.#limit;
  }

  /** Takes a job as it is now. */
  take(job: Job): void {
    if (!matches(job, this.#filter)) this.#jobs.delete(job.jobId);
    else this.#jobs.set(job.jobId, job);
    if (this.#isLive || this.#jobs.size <= this.#limit) return;
    const oldest = [...this.#jobs.keys()].reduce((a, b) => a < b ? a : b);
    this.#jobs.delete(oldest);
    this.#hasOlder = true;
  }

  /** The jobs to show, newest first. */
  newest(): Job[] {
    // Ids begin with the time.
    const all = [...this.#jobs.values()].toSorted((a, b) => a.jobId < b.jobId ? 1 : -1);
    return all.slice(0, this.#limit);
  }
}
