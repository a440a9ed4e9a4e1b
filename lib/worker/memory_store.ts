import { PageLimit } from "../job/page_limit.ts";
import type { FinishedJob, JobPage, JobStore, StoredJob } from "../job/job_store.ts";
import { matches } from "../job/matches.ts";
import type { Job, JobFilter } from "../job/types.ts";

/** A store that forgets everything when the process ends. */
export class MemoryStore implements JobStore {
  readonly #jobs = new Map<string, Job>();
  readonly #processIdentities = new Map<string, string>();
  readonly #byRequest = new Map<string, string>();

  put(job: Job, processIdentity?: string): Promise<void> {
    this.#jobs.set(job.jobId, job);
    if (processIdentity !== undefined) this.#processIdentities.set(job.jobId, processIdentity);
    if (job.requestId !== "") this.#byRequest.set(requestKey(job.owner, job.requestId), job.jobId);
    return Promise.resolve();
  }

  delete(jobId: string): Promise<void> {
    const job = this.#jobs.get(jobId);
    if (job !== undefined) this.#byRequest.delete(requestKey(job.owner, job.requestId));
    this.#jobs.delete(jobId);
    this.#processIdentities.delete(jobId);
    return Promise.resolve();
  }

  unfinished(): Promise<StoredJob[]> {
    const running = [...this.#jobs.values()].filter(({ end }) => end === null);
    return Promise.resolve(
      running.map(({ jobId, pid, containment }) => ({
        job: { jobId, pid, containment },
        processIdentity: this.#processIdentities.get(jobId) ?? "",
      })),
    );
  }

  get(jobId: string): Promise<Job | undefined> {
    return Promise.resolve(this.#jobs.get(jobId));
  }

  findByRequest(owner: string, requestId: string): Promise<Job | undefined> {
    const jobId = this.#byRequest.get(requestKey(owner, requestId));
    return Promise.resolve(jobId === undefined ? undefined : this.#jobs.get(jobId));
  }

  list(filter: JobFilter, page: JobPage): Promise<Job[]> {
    const pageLimit = new PageLimit(page);
    const found: Job[] = [];
    for (const job of this.#newestFirst(page.before)) {
      if (pageLimit.isFull) break;
      if (matches(job, filter) && pageLimit.admit(JSON.stringify(job))) found.push(job);
    }
    return Promise.resolve(found);
  }

  finished(page: JobPage, owner?: string): Promise<FinishedJob[]> {
    const found: FinishedJob[] = [];
    for (const job of this.#newestFirst(page.before)) {
      if (found.length === page.limit) break;
      if (job.end === null || (owner !== undefined && job.owner !== owner)) continue;
      const { jobId, logBytes, end: { finishedAt } } = job;
      found.push({ jobId, finishedAt, logBytes });
    }
    return Promise.resolve(found);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** Sorts by id: jobs that start at the same time may be added in another order. */
  #newestFirst(before: string | undefined): Job[] {
    return [...this.#jobs.values()]
      .filter(({ jobId }) => before === undefined || jobId < before)
      .sort((a, b) => a.jobId < b.jobId ? 1 : -1);
  }
}

function requestKey(owner: string, requestId: string): string {
  return JSON.stringify([owner, requestId]);
}
