import { JobWorkerError } from "../errors.ts";
import type { StoredJob } from "../job/job_store.ts";
import { JobLog } from "../log/job_log.ts";
import type { StoredOutcome } from "./outcome_files.ts";
import type { JobOutcome, JobProgress, OpenLog, RunningJob } from "./executor.ts";

/** A job that ended while nobody was there to record it, and whose executor has gone since. */
export class EndedJob implements RunningJob {
  readonly jobId: string;
  readonly pid: number;
  readonly processIdentity: string;
  readonly isConfirmed: boolean;
  readonly hasEnded = true;
  readonly ended: Promise<JobOutcome>;
  readonly #directory: string;
  readonly #onReleased: () => void;

  /**
   * @param options.directory of its log
   * @param options.onReleased called once its end is recorded
   */
  constructor(
    { job: { jobId, pid }, processIdentity }: StoredJob,
    { isConfirmed, ...outcome }: StoredOutcome,
    options: { readonly directory: string; readonly onReleased: () => void },
  ) {
    this.jobId = jobId;
    this.pid = pid;
    this.processIdentity = processIdentity;
    this.isConfirmed = isConfirmed;
    this.ended = Promise.resolve(outcome);
    this.#directory = options.directory;
    this.#onReleased = options.onReleased;
  }

  progress(): Promise<JobProgress> {
    return this.ended;
  }

  async openLog(): Promise<OpenLog> {
    const log = await JobLog.open(this.#directory).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return JobLog.empty(this.#directory);
      throw error;
    });
    return { log, [Symbol.dispose]: () => {} };
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  signal(): Promise<void> {
    return Promise.resolve();
  }

  setTimeLimit(): Promise<void> {
    return Promise.resolve();
  }

  writeInput(): Promise<number> {
    return Promise.reject(this.#closed());
  }

  closeInput(): Promise<void> {
    return Promise.reject(this.#closed());
  }

  confirm(): void {}

  release(): void {
    this.#onReleased();
  }

  #closed(): JobWorkerError {
    return new JobWorkerError("failed_precondition", `Job "${this.jobId}" has ended`);
  }
}
