/**
 * The seam between those who decide about jobs and what runs them.
 *
 * @module
 */

import type { StoredJob } from "../job/job_store.ts";
import type {
  Command,
  Containment,
  Execution,
  Job,
  JobEnd,
  JobReason,
  LogLimit,
} from "../job/types.ts";
import type { ReadableLog } from "../log/readable_log.ts";

/** What to run, checked and complete. */
export interface LaunchRequest {
  readonly jobId: string;
  /** Its working directory may be `""`, for the user's home. */
  readonly command: Command;
  /** Its user may be `""`, for the executor's own. */
  readonly execution: Execution;
  readonly logLimit: LogLimit;
}

/** What an executor has decided about a job that could start now. */
export interface PreparedJob {
  readonly workingDirectory: string;
  /** The user's name as the system has it; `""` for the executor's own. */
  readonly user: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
}

/** Why somebody ends a job. */
export type StopReason = Extract<JobReason, "stopped" | "timeout" | "log_limit" | "shutdown">;

/** How to end a job. */
export interface StopOptions {
  /** As kill(1) takes it, see {@linkcode parseSignal}. */
  readonly stopSignal: string;
  /** From that signal to SIGKILL, in milliseconds. */
  readonly gracePeriodMs: number;
  readonly reason: StopReason;
}

/** What a running job has come to so far; sizes in bytes. */
export interface JobProgress extends Pick<Job, "stdoutBytes" | "stderrBytes" | "logBytes"> {
  /** How long it may run, from its start; 0: without bound. */
  readonly timeoutMs: number;
}

/** What a job came to. */
export interface JobOutcome extends JobProgress, Pick<Job, "usage" | "outputTruncated"> {
  readonly end: JobEnd;
}

/** The log of a running job, for as long as it is not disposed of. */
export interface OpenLog extends Disposable {
  readonly log: ReadableLog;
}

/** A job that an executor has started. */
export interface RunningJob {
  readonly jobId: string;
  /** The process id of its leader, which is its process group and its session, too. */
  readonly pid: number;
  /** See {@linkcode StoredJob}. */
  readonly processIdentity: string;
  /** Whether the executor has been told that its start is recorded. */
  readonly isConfirmed: boolean;
  readonly hasEnded: boolean;
  /**
   * What the job came to, once that is so and its log is on the disk; `null` if its executor has died, and
   * nobody knows. Never rejects.
   */
  readonly ended: Promise<JobOutcome | null>;
  progress(): Promise<JobProgress>;
  /**
   * Opens what the job prints, to be followed.
   *
   * @param options.enough behind so many bytes of output, whatever is known to be there will do at first; by default,
   *   what is there by now is known
   */
  openLog(options?: { readonly enough?: number | undefined }): Promise<OpenLog>;
  /**
   * Ends the job and all that it started: the signal, the grace period, SIGKILL. Of several stops each
   * signal is sent once, and the earliest deadline holds, so a later and harsher stop has its way.
   *
   * @returns once the signal has been sent
   */
  stop(options: StopOptions): Promise<void>;
  /** Sends a signal, as kill(1) takes it, to every process of the job, and leaves it at that. */
  signal(signal: string): Promise<void>;
  /**
   * Ends the job so long after its start, at once if that has passed.
   *
   * @param ms 0: never
   */
  setTimeLimit(ms: number): Promise<void>;
  /**
   * Writes to the standard input of the job, as fast as the job takes it.
   *
   * @param offset how many bytes of input came before them; those that were written before are skipped
   * @param signal ends the wait; bytes that the job is being given already may reach it still
   * @returns how many bytes of input have been accepted in all
   * @throws `out_of_range` if there is a gap; `failed_precondition` if the input is closed;
   *   `resource_exhausted` if too many others wait; the reason of the signal
   */
  writeInput(offset: number, data: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<number>;
  /** Ends the input: the job reads end-of-file. */
  closeInput(): Promise<void>;
  /** Says that the start of the job is recorded, and whoever asked for it may be told. */
  confirm(): void;
  /** Says that the end of the job is recorded, and the executor may forget it. */
  release(): void;
}

/**
 * Runs jobs: owns their processes, pipes, logs and exit statuses. It knows no records, no owners and no
 * rules; what it is asked for has been checked.
 */
export interface Executor extends AsyncDisposable {
  /** What holds the processes of new jobs. */
  readonly containment: Containment;
  /**
   * Finds the program, the directory and the user of a job. Makes nothing yet: what outlives the executor
   * must not be made before the job is recorded, or nobody would find it again.
   *
   * @throws `failed_precondition` for what is not there, or not allowed by the system; `unavailable`
   */
  prepare(
    request: LaunchRequest,
    options?: { readonly signal?: AbortSignal },
  ): Promise<PreparedJob>;
  /**
   * Starts a job that is prepared.
   *
   * @param options.signal once aborted, a job that has no process yet never gets one
   * @throws `resource_exhausted`, `failed_precondition`, `unavailable`; the reason of the signal
   */
  launch(jobId: string, options?: { readonly signal?: AbortSignal }): Promise<RunningJob>;
  /** Removes what there is of a job that has no process, with its log. May be repeated. */
  abandon(jobId: string): Promise<void>;
  /**
   * Takes up jobs that ran when whoever recorded them died. What is left of those that no executor holds is
   * killed.
   *
   * @param jobs those that are not known to have ended
   */
  adopt(jobs: readonly StoredJob[]): Promise<AdoptedJobs>;
}

/** What {@linkcode Executor.adopt} has found. */
export interface AdoptedJobs {
  /** The jobs that an executor holds, including those that have ended meanwhile. */
  readonly held: readonly RunningJob[];
  /** Whether every executor has answered: then a job that none holds, and has no process, never had one. */
  readonly isComplete: boolean;
}
