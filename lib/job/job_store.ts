import type { StatusCounts } from "./status_counts.ts";
import type { Job, JobFilter } from "./types.ts";

/** A page of a list. */
export interface JobPage {
  /** The most jobs on it. */
  readonly limit: number;
  /** Only jobs older than the one with this id. */
  readonly before?: string;
  /** The most that their records may take together, in bytes of JSON; 2 MiB by default. */
  readonly maxBytes?: number;
}

/** What the processes of a stored job are found by. */
export interface StoredJob {
  readonly job: Pick<Job, "jobId" | "pid" | "containment">;
  /**
   * See `ProcessGroups.identityOf()`; the name of its cgroup if that is not the id of the job; `""` if neither is known.
   */
  readonly processIdentity: string;
}

/** What the queue needs of a job that waits in it. */
export interface QueuedJob extends Pick<Job, "jobId" | "owner"> {
  /** What its record takes on disk. */
  readonly recordBytes: number;
}

/** What retention needs of a job. A whole record may have megabytes, and retention looks at many of them. */
export interface FinishedJob {
  readonly jobId: string;
  readonly owner: string;
  readonly finishedAt: number;
  /** What its log and its record take on disk, see `retainedBytes()`. */
  readonly bytes: number;
}

/** Which of the {@linkcode FinishedJob}s to look at; a member that is left out matches all. */
export interface FinishedFilter {
  readonly owner?: string;
  /** Only those that finished then or later, in milliseconds since the Unix epoch. */
  readonly since?: number;
  /** Only those that finished earlier. */
  readonly before?: number;
}

/** A page of {@linkcode FinishedJob}s. */
export interface FinishedPage {
  /** The most jobs on it. */
  readonly limit: number;
  /** Only jobs newer than the one with this id. */
  readonly after: string;
}

/** What the finished jobs of one owner come to. */
export interface Holding {
  readonly owner: string;
  readonly jobs: number;
  /** The same for all of them. */
  readonly bytes: number;
  /** The id of the oldest of them. */
  readonly oldest: string;
}

/**
 * Where the records of jobs are kept.
 *
 * Once a promise is fulfilled, the change survives the process. Whoever asks after a change was requested sees it,
 * whether or not its promise is fulfilled yet. A store that outlives a version of the daemon reads its records by
 * `decodeJob()`.
 */
export interface JobStore extends AsyncDisposable {
  /**
   * Adds a job, or replaces the one with the same id.
   *
   * @param processIdentity see {@linkcode StoredJob}; unchanged if left out
   * @throws `already_exists` for one that has not ended, if its owner has another such job with the same name
   */
  put(job: Job, processIdentity?: string): Promise<void>;
  /** The jobs that wait in the queue, oldest first, that is by ascending id. */
  queued(): Promise<QueuedJob[]>;
  /** The jobs that have been started, and are not known to have ended. */
  unfinished(): Promise<StoredJob[]>;
  /**
   * Removes a job.
   *
   * @param options.neverRan whether nothing of it has ever run
   */
  delete(jobId: string, options?: { readonly neverRan?: boolean }): Promise<void>;
  get(jobId: string): Promise<Job | undefined>;
  /** Whether a job with this id may have run, and has been removed since, as far as the store still knows. */
  wasRemoved(jobId: string): Promise<boolean>;
  /** The job that an owner started with this request id; none for `""`, which stands for no request id. */
  findByRequest(owner: string, requestId: string): Promise<Job | undefined>;
  /**
   * Newest first, that is by descending id: as many as `PageLimit` lets onto the page. Only the
   * page behind the last one is empty.
   */
  list(filter: JobFilter, page: JobPage): Promise<Job[]>;
  /** How many jobs of each status match the rest of a filter: its own statuses count for nothing. */
  countByStatus(filter: JobFilter): Promise<StatusCounts>;
  /** The jobs that have ended, oldest first, that is by ascending id. */
  finished(filter: FinishedFilter, page: FinishedPage): Promise<FinishedJob[]>;
  /** What each owner has of finished jobs, in any order; only owners who have some. */
  holdings(filter: FinishedFilter): Promise<Holding[]>;
}
