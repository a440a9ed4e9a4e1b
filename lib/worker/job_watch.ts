import { abortable } from "../abortable.ts";
import { JobWorkerError } from "../errors.ts";
import { WakeUp } from "../wake_up.ts";
import { matches } from "./matches.ts";
import type { Job, JobFilter } from "./types.ts";

/** A reader that lets so many changed jobs pile up is let go. */
const MOST_PENDING = 10_000;

/** The changes of jobs for one reader, who may be slow: of a job that changed twice it sees the last. */
export class JobWatch {
  readonly #filter: JobFilter;
  readonly #pending = new Map<string, Job>();
  readonly #wakeUp = new WakeUp();
  #overrun = false;

  constructor(filter: JobFilter) {
    this.#filter = filter;
  }

  /** Takes note of a job that has started or ended. */
  tell(job: Job): void {
    if (!matches(job, this.#filter)) return;
    if (this.#pending.size >= MOST_PENDING) this.#overrun = true;
    else this.#pending.set(job.jobId, job);
    this.#wakeUp.notify();
  }

  /**
   * The jobs that have changed, for ever.
   *
   * @throws the reason of the signal; `resource_exhausted` if the reader is far too slow
   */
  async *changes(signal: AbortSignal): AsyncGenerator<Job, never, undefined> {
    for (;;) {
      signal.throwIfAborted();
      const changed = this.#wakeUp.next();
      if (this.#overrun) {
        throw new JobWorkerError(
          "resource_exhausted",
          `Too slow: more than ${MOST_PENDING} jobs have changed unread`,
        );
      }
      const jobs = [...this.#pending.values()];
      this.#pending.clear();
      yield* jobs;
      if (jobs.length === 0) await abortable(changed, signal);
    }
  }
}
