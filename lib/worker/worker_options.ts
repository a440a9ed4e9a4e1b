import type { JobStore } from "../job/job_store.ts";
import type { Executor } from "../executor/executor.ts";
import type { ShellEnd } from "../executor/local_executor.ts";
import type { SlotLimits } from "./job_slots.ts";
import type { StartPolicy, StartRequest } from "./start_request.ts";
import type { Job } from "../job/types.ts";

/**
 * Options of `Worker.open()`. What it allows its jobs is `DEFAULT_START_POLICY` by default, and any number of them
 * may run, or wait to.
 */
export interface WorkerOptions extends Partial<StartPolicy>, Partial<SlotLimits> {
  /** Absolute path of an existing directory, which belongs to this worker alone. */
  readonly dataDirectory: string;
  /** Where jobs are recorded; in memory by default. Stays open when the worker is disposed of. */
  readonly store?: JobStore;
  /** `HOME` and default working directory of the jobs; `/` by default. */
  readonly home?: string;
  /** How long the output of a job waits for room on a full disk before the job is ended; 10 s. */
  readonly diskTimeoutMs?: number;
  /** What runs the jobs; by default this process does. It is disposed of with the worker. */
  readonly executor?: Executor;
  /** Whether to use cgroups where that is possible; true by default. */
  readonly cgroups?: boolean;
  /** Called with each job when it is queued, when it runs, and when it has ended. */
  readonly onChanged?: (job: Job) => void;
  /** Called with each job when its end is recorded. */
  readonly onEnded?: (job: Job) => void;
  /**
   * Called with each job that an earlier worker has left to the executor, and that goes on.
   *
   * @param isConfirmed whether that worker has confirmed its start, see {@linkcode StartOptions}
   */
  readonly onAdopted?: (job: Job, isConfirmed: boolean) => Promise<void>;
  /** Called with the jobs that ran when an earlier worker died, some at a time; see `Worker.open()`. */
  readonly onLost?: (jobs: readonly Job[]) => void;
  /** Called when the shell that asks the kernel has ended and is replaced; jobs do not notice. */
  readonly onShellEnded?: (end: ShellEnd) => void;
  /** Called for errors that have no caller to be reported to. */
  readonly onFault?: (error: unknown, jobId: string) => void;
}

/** What `Worker.start()` starts. */
export interface StartOptions extends StartRequest {
  /** Whether it may wait until it may run, if too many jobs are running. */
  readonly queue?: boolean;
  /** Once this is aborted, a job that has not started yet never will, unless it is in the queue by then. */
  readonly signal?: AbortSignal;
  /**
   * Confirms a job that runs or is queued, before anybody is told of it. If this rejects, the job is killed, no
   * record of it stays, and the start fails with that error.
   */
  readonly confirm?: (job: Job) => Promise<void>;
}

/** How `Worker.stop()` stops. */
export interface StopJobOptions {
  /** A name or number as in signal(7); SIGTERM by default. */
  readonly stopSignal?: string;
  /** From that signal to SIGKILL; by default what the job was started with, else 10 s. */
  readonly gracePeriodMs?: number;
}
