import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import { WakeUp } from "../async/wake_up.ts";
import type { JobPage } from "./job_store.ts";
import { matches } from "./matches.ts";
import type { Job, JobFilter } from "./types.ts";

/** How much of the existing jobs each watch holds in memory while its reader is busy. */
const PAGE = { limit: 100, maxBytes: 64 * 1024 };

/** A reader that lets more changed jobs than this pile up is disconnected. */
const MAX_PENDING = 10_000;

/**
 * The changes of jobs for one reader, which may be slow: if a job changes twice meanwhile, the reader sees
 * the last state. Only ids wait, since there may be many readers and large jobs.
 *
 * A job that the reader has been told of, and that no longer matches, is told once more: whoever watches the jobs
 * that run sees them end.
 */
export class JobWatch {
  readonly #filter: JobFilter;
  /** The part of the filter that a job matches for all of its life, or never. */
  readonly #lasting: JobFilter;
  readonly #read: (jobId: string) => Promise<Job | undefined>;
  readonly #pending = new Set<string>();
  readonly #wakeUp = new WakeUp();
  /** The jobs that the reader knows, that match, and that may change. */
  readonly #followed = new Set<string>();
  /** Whether the reader knows all jobs that match, so that changes of others need not be looked at. */
  #knowsAll = false;
  #end: JobWorkerError | null = null;

  /** @param read finds a job as it is now; `undefined` if it is gone */
  constructor(filter: JobFilter, read: (jobId: string) => Promise<Job | undefined>) {
    const { statuses: _, host: __, startedAfter: ___, startedBefore: ____, ...lasting } = filter;
    this.#filter = filter;
    this.#lasting = lasting;
    this.#read = read;
  }

  /**
   * The jobs that match, as they are, newest first, and then their changes, for ever.
   *
   * @param list a page of them
   * @param options.newest with how many it begins; 0: with all
   * @throws as {@linkcode JobWatch.changes}
   */
  async *jobs(
    list: (page: JobPage) => Promise<readonly Job[]>,
    signal: AbortSignal,
    { newest = 0 }: { readonly newest?: number } = {},
  ): AsyncGenerator<Job, never, undefined> {
    let left = newest || Infinity;
    const next = (page: Partial<JobPage>) =>
      list({ ...PAGE, limit: Math.min(PAGE.limit, left), ...page });
    let page = await next({});
    for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
      for (const job of page) {
        this.knows(job);
        yield job;
      }
      left -= page.length;
      page = left > 0 ? await next({ before: last.jobId }) : [];
    }
    return yield* this.changes(signal);
  }

  /** Takes note that the reader is told of a job that matches. */
  knows({ jobId, end }: Job): void {
    if (end === null) this.#followed.add(jobId);
    else this.#followed.delete(jobId);
  }

  /** Takes note of a job that has started or ended. */
  tell(job: Job): void {
    const { jobId } = job;
    // Until the reader knows all jobs, this one may be among those that are just being read for it.
    const filter = this.#knowsAll ? this.#filter : this.#lasting;
    if (this.#followed.has(jobId) || matches(job, filter)) this.note(jobId);
  }

  /** The same for whoever would have to ask first how the job is: whether it matches is found out when it is read. */
  note(jobId: string): void {
    if (this.#pending.size < MAX_PENDING || this.#pending.has(jobId)) {
      this.#pending.add(jobId);
      this.#wakeUp.notify();
    } else this.end(overrun());
  }

  /** Has the reader end with this error, since changes were missed. */
  end(error: JobWorkerError): void {
    this.#end = error;
    this.#wakeUp.notify();
  }

  /**
   * The jobs that have changed, for ever. The reader knows all others.
   *
   * @throws the reason of the signal; `resource_exhausted` if the reader is far too slow; what it was ended with
   */
  async *changes(signal: AbortSignal): AsyncGenerator<Job, never, undefined> {
    this.#knowsAll = true;
    for (;;) {
      signal.throwIfAborted();
      const changed = this.#wakeUp.next();
      if (this.#end !== null) throw this.#end;
      const [jobId] = this.#pending;
      if (jobId === undefined) {
        await abortable(changed, signal);
        continue;
      }
      this.#pending.delete(jobId);
      const job = await this.#read(jobId);
      const wasFollowed = this.#followed.delete(jobId);
      if (job === undefined) continue;
      // It may have changed again, and no longer match.
      const isMatch = matches(job, this.#filter);
      if (isMatch) this.knows(job);
      if (isMatch || wasFollowed) yield job;
    }
  }
}

function overrun(): JobWorkerError {
  return new JobWorkerError(
    "resource_exhausted",
    `Too slow: more than ${MAX_PENDING} jobs have changed unread`,
  );
}
