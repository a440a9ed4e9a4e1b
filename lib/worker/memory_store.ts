import type { JobPage, JobStore, StoredJob } from "./job_store.ts";
import { matches } from "./matches.ts";
import type { Job, JobFilter } from "./types.ts";

/** A store that forgets everything when the process ends. */
export class MemoryStore implements JobStore {
  readonly #jobs = new Map<string, Job>();
  readonly #births = new Map<string, string>();
  readonly #byRequest = new Map<string, string>();

  put(job: Job, birth?: string): Promise<void> {
    this.#jobs.set(job.jobId, job);
    if (birth !== undefined) this.#births.set(job.jobId, birth);
    if (job.requestId !== "") this.#byRequest.set(requestKey(job.owner, job.requestId), job.jobId);
    return Promise.resolve();
  }

  delete(jobId: string): Promise<void> {
    const job = this.#jobs.get(jobId);
    if (job !== undefined) this.#byRequest.delete(requestKey(job.owner, job.requestId));
    this.#jobs.delete(jobId);
    this.#births.delete(jobId);
    return Promise.resolve();
  }

  unfinished(): Promise<StoredJob[]> {
    const running = [...this.#jobs.values()].filter(({ end }) => end === null);
    return Promise.resolve(
      running.map((job) => ({ job, birth: this.#births.get(job.jobId) ?? "" })),
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
    const found: Job[] = [];
    // Jobs that start at the same time may be put in another order than that of their ids.
    for (const job of [...this.#jobs.values()].sort(newestFirst)) {
      if (found.length === page.limit) break;
      if (page.before !== undefined && job.jobId >= page.before) continue;
      if (matches(job, filter)) found.push(job);
    }
    return Promise.resolve(found);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function newestFirst(a: Job, b: Job): number {
  return a.jobId < b.jobId ? 1 : -1;
}

function requestKey(owner: string, requestId: string): string {
  return JSON.stringify([owner, requestId]);
}
