import type { Job, JobFilter } from "./types.ts";

/** A page of a list. */
export interface JobPage {
  /** At most so many. */
  readonly limit: number;
  /** Only jobs that are older than this one. */
  readonly before?: string;
}

/**
 * Where the records of jobs are kept. Belongs to the worker; implementations live elsewhere.
 *
 * A promise that is fulfilled says that the change will survive the process.
 */
export interface JobStore extends AsyncDisposable {
  /** Adds a job, or replaces the one with the same id. */
  put(job: Job): Promise<void>;
  /** Removes a job. */
  delete(jobId: string): Promise<void>;
  get(jobId: string): Promise<Job | undefined>;
  /** The job that an owner started with this request id. */
  findByRequest(owner: string, requestId: string): Promise<Job | undefined>;
  /** Newest first, that is by descending id. */
  list(filter: JobFilter, page: JobPage): Promise<Job[]>;
}
