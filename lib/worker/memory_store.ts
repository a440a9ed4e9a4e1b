import { PageLimit } from "../job/page_limit.ts";
import type {
  FinishedFilter,
  FinishedJob,
  FinishedPage,
  Holding,
  JobPage,
  JobStore,
  QueuedJob,
  StoredJob,
} from "../job/job_store.ts";
import { nameTaken } from "../job/job_name.ts";
import { queuedJob, retainedBytes } from "../job/record_bytes.ts";
import { matches } from "../job/matches.ts";
import { countEach, MAX_COUNTED, type StatusCounts } from "../job/status_counts.ts";
import { type Job, type JobFilter, statusOf } from "../job/types.ts";
import { FinishedJobs } from "./finished_jobs.ts";

/** A store that forgets everything when the process ends. */
export class MemoryStore implements JobStore {
  readonly #jobs = new Map<string, Job>();
  readonly #processIdentities = new Map<string, string>();
  readonly #byRequest = new Map<string, string>();
  /** Those that have not ended. */
  readonly #byName = new Map<string, string>();
  /** By owner. */
  readonly #finished = new Map<string, FinishedJobs>();

  put(job: Job, processIdentity?: string): Promise<void> {
    if (job.end !== null) this.#forgetName(job);
    else if (job.name !== "") {
      const namesake = this.#jobs.get(this.#byName.get(keyOf(job.owner, job.name)) ?? job.jobId);
      if (namesake !== undefined && namesake.jobId !== job.jobId) {
        return Promise.reject(nameTaken(namesake));
      }
      this.#byName.set(keyOf(job.owner, job.name), job.jobId);
    }
    this.#jobs.set(job.jobId, job);
    if (processIdentity !== undefined) this.#processIdentities.set(job.jobId, processIdentity);
    if (job.requestId !== "") this.#byRequest.set(keyOf(job.owner, job.requestId), job.jobId);
    if (job.end === null) this.#deleteFinished(job);
    else this.#putFinished(job, job.end.finishedAt);
    return Promise.resolve();
  }

  delete(jobId: string): Promise<void> {
    const job = this.#jobs.get(jobId);
    if (job !== undefined) {
      this.#byRequest.delete(keyOf(job.owner, job.requestId));
      this.#forgetName(job);
      this.#deleteFinished(job);
    }
    this.#jobs.delete(jobId);
    this.#processIdentities.delete(jobId);
    return Promise.resolve();
  }

  /** It knows of those that are there. */
  wasRemoved(): Promise<boolean> {
    return Promise.resolve(false);
  }

  queued(): Promise<QueuedJob[]> {
    const queued = this.#newestFirst(undefined).filter((job) => statusOf(job) === "queued");
    return Promise.resolve(queued.reverse().map(queuedJob));
  }

  unfinished(): Promise<StoredJob[]> {
    const running = [...this.#jobs.values()].filter((job) => statusOf(job) === "running");
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
    const jobId = this.#byRequest.get(keyOf(owner, requestId));
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

  countByStatus(filter: JobFilter): Promise<StatusCounts> {
    const jobs = [...this.#jobs.values()];
    return countEach(
      filter,
      (filter) => Math.min(MAX_COUNTED, jobs.filter((job) => matches(job, filter)).length),
    );
  }

  finished(filter: FinishedFilter, page: FinishedPage): Promise<FinishedJob[]> {
    const found = this.#finishedOf(filter).flatMap((jobs) => jobs.page(filter, page));
    return Promise.resolve(found.sort((a, b) => a.jobId < b.jobId ? -1 : 1).slice(0, page.limit));
  }

  holdings(filter: FinishedFilter): Promise<Holding[]> {
    const holdings = this.#finishedOf(filter).map((jobs) => jobs.holding(filter));
    return Promise.resolve(holdings.filter((holding) => holding !== null));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #forgetName({ owner, name, jobId }: Job): void {
    const key = keyOf(owner, name);
    if (this.#byName.get(key) === jobId) this.#byName.delete(key);
  }

  #putFinished(job: Job, finishedAt: number): void {
    const { jobId, owner } = job;
    const jobs = this.#finished.get(owner) ?? new FinishedJobs();
    this.#finished.set(owner, jobs);
    jobs.put({ jobId, owner, finishedAt, bytes: retainedBytes(job, JSON.stringify(job)) });
  }

  #deleteFinished({ jobId, owner }: Job): void {
    const jobs = this.#finished.get(owner);
    jobs?.delete(jobId);
    if (jobs?.isEmpty) this.#finished.delete(owner);
  }

  #finishedOf({ owner }: FinishedFilter): FinishedJobs[] {
    if (owner === undefined) return [...this.#finished.values()];
    const jobs = this.#finished.get(owner);
    return jobs === undefined ? [] : [jobs];
  }

  /** Sorts by id: jobs that start at the same time may be added in another order. */
  #newestFirst(before: string | undefined): Job[] {
    return [...this.#jobs.values()]
      .filter(({ jobId }) => before === undefined || jobId < before)
      .sort((a, b) => a.jobId < b.jobId ? 1 : -1);
  }
}

/** For what each owner has for themself. */
function keyOf(owner: string, own: string): string {
  return JSON.stringify([owner, own]);
}
