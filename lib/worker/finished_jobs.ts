import type { FinishedFilter, FinishedJob, FinishedPage, Holding } from "../job/job_store.ts";

/** The finished jobs of one owner, oldest first. */
export class FinishedJobs {
  readonly #jobs: FinishedJob[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#jobs.length === 0;
  }

  /** Adds a job, or replaces the one with the same id. */
  put(job: FinishedJob): void {
    this.delete(job.jobId);
    // Most often this is the newest one, and nothing has to move.
    this.#jobs.splice(this.#indexOf(job.jobId), 0, job);
    this.#bytes += job.bytes;
  }

  delete(jobId: string): void {
    const index = this.#indexOf(jobId);
    const job = this.#jobs[index];
    if (job?.jobId !== jobId) return;
    this.#jobs.splice(index, 1);
    this.#bytes -= job.bytes;
  }

  /** What those come to that finished within some time; `null` if there are none. */
  holding(filter: FinishedFilter): Holding | null {
    // Without a time, which is the usual case, nothing has to be added up.
    const isWhole = (filter.since ?? filter.before) === undefined;
    const jobs = isWhole ? this.#jobs : this.#jobs.filter(isWithin(filter));
    const [oldest] = jobs;
    if (oldest === undefined) return null;
    return {
      owner: oldest.owner,
      jobs: jobs.length,
      bytes: isWhole ? this.#bytes : jobs.reduce((sum, { bytes }) => sum + bytes, 0),
      oldest: oldest.jobId,
    };
  }

  /** A page of those that finished within some time, oldest first. */
  page(filter: FinishedFilter, { after, limit }: FinishedPage): FinishedJob[] {
    const fits = isWithin(filter);
    const found: FinishedJob[] = [];
    for (let index = this.#indexOf(after); found.length < limit; index++) {
      const job = this.#jobs[index];
      if (job === undefined) break;
      if (job.jobId !== after && fits(job)) found.push(job);
    }
    return found;
  }

  /** Where the first job is whose id is not smaller: a binary search. */
  #indexOf(jobId: string): number {
    let [from, to] = [0, this.#jobs.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#jobs[middle]?.jobId ?? "") < jobId) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function isWithin(
  { since = -Infinity, before = Infinity }: FinishedFilter,
): (job: FinishedJob) => boolean {
  return ({ finishedAt }) => finishedAt >= since && finishedAt < before;
}
