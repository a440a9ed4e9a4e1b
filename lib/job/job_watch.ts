import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import { WakeUp } from "../async/wake_up.ts";
import { matches } from "./matches.ts";
import type { Job, JobFilter } from "./types.ts";

/** A reader that lets more changed jobs than this pile up is disconnected. */
const MAX_PENDING = 10_000;

/**
 * The changes of jobs for one reader, which may be slow: if a job changes twice meanwhile, the reader sees
 * the last state. Only ids wait, since there may be many readers and large jobs.
 */
export class JobWatch {
  readonly #filter: JobFilter;
  readonly #read: (jobId: string) => Promise<Job | undefined>;
  readonly #pending = new Set<string>();
  readonly #wakeUp = new WakeUp();
  #end: JobWorkerError | null = null;

  /** @param read finds a job as it is now; `undefined` if it is gone */
  constructor(filter: JobFilter, read: (jobId: string) => Promise<Job | undefined>) {
    this.#filter = filter;
    this.#read = read;
  }

  /** Takes note of a job that has started or ended. */
  tell(job: Job): void {
    if (matches(job, this.#filter)) this.note(job.jobId);
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
   * The jobs that have changed, for ever.
   *
   * @throws the reason of the signal; `resource_exhausted` if the reader is far too slow; what it was ended with
   */
  async *changes(signal: AbortSignal): AsyncGenerator<Job, never, undefined> {
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
      // It may have changed again, and no longer match.
      if (job !== undefined && matches(job, this.#filter)) yield job;
    }
  }
}

function overrun(): JobWorkerError {
  return new JobWorkerError(
    "resource_exhausted",
    `Too slow: more than ${MAX_PENDING} jobs have changed unread`,
  );
}
