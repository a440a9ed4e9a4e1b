/**
 * The one door to the jobs. Handlers of every API see this interface only; whether it is the service
 * itself or the client of another process is decided in `lib/daemon`.
 *
 * @module
 */

import type { Identity } from "../auth/identity.ts";
import type {
  Command,
  Execution,
  ExitStatus,
  Job,
  JobFilter,
  LogBatch,
  LogGap,
  LogLimit,
  LogStart,
  LogStream,
} from "../job/types.ts";

export type {
  Command,
  Execution,
  ExitStatus,
  Job,
  JobFilter,
  LogBatch,
  LogGap,
  LogLimit,
  LogRecord,
  LogStart,
  LogStream,
} from "../job/types.ts";

/** Who calls, from where: what authorisation and the audit trail go by. */
export interface Caller {
  readonly identity: Identity;
  /** SHA-256 of the client certificate in lower-case hex, or `""` where another proof was given. */
  readonly fingerprint: string;
  /** Address and port of the other side, `"127.0.0.1:51234"`. */
  readonly peer: string;
}

/** The surroundings of one call. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborted when the client has left, its deadline has passed, or the server shuts down. */
  readonly signal: AbortSignal;
}

export interface StartJobRequest {
  readonly command: Command;
  readonly labels: Readonly<Record<string, string>>;
  /** A repeat with the same value, by the same user, returns the same job. `""`: none. */
  readonly requestId: string;
  /** What is left out is the daemon's choice. */
  readonly logLimit?: Partial<LogLimit>;
  readonly execution?: Partial<Execution>;
}

export interface SignalJobRequest {
  readonly jobId: string;
  /** A name or a number as in signal(7). */
  readonly signal: string;
}

export interface UpdateJobRequest {
  readonly jobId: string;
  /** From the start of the job; 0: for ever. */
  readonly timeoutMs: number;
}

export interface WriteInputRequest {
  readonly jobId: string;
  /** How many bytes of input came before these; those that were written before are skipped. */
  readonly offset: number;
  /** At most 1 MiB. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** No more will come. */
  readonly end: boolean;
}

export interface WriteInputResponse {
  /** How many bytes of input have been accepted in all. */
  readonly accepted: number;
}

export interface StopJobRequest {
  readonly jobId: string;
  /** A name as in signal(7); `""` for the default, SIGTERM. */
  readonly stopSignal: string;
  /** Between the stop signal and SIGKILL; `null` for the default. */
  readonly gracePeriodMs: number | null;
}

export interface JobRequest {
  readonly jobId: string;
}

export interface ListJobsRequest {
  readonly filter: JobFilter;
  /** 1 to 1000; 0 for the default, 100. Of jobs with large commands fewer are on a page. */
  readonly pageSize: number;
  /** `nextPageToken` of the page before, or `""`. */
  readonly pageToken: string;
}

export interface ListJobsResponse {
  /** Newest first. */
  readonly jobs: readonly Job[];
  /** `""` on the last page. */
  readonly nextPageToken: string;
}

export interface GetLogsRequest {
  readonly jobId: string;
  /** Empty: both. */
  readonly streams: readonly LogStream[];
  readonly offset: number;
  /** The `endOffset` of the first page: without it, pages do not end if the job prints faster than it is read. */
  readonly endOffset?: number;
  /** 1 to 1 MiB; 0 for the default, 1 MiB. */
  readonly maxBytes: number;
}

export interface GetLogsResponse {
  /** Output before this page's that is gone for good; a page ends before another gap. */
  readonly gap?: LogGap;
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: Uint8Array<ArrayBuffer>;
  readonly nextOffset: number;
  /** Where the last page ends: what was stored when this one was asked for, or what that said. */
  readonly endOffset: number;
  /** True once everything up to there has been returned. */
  readonly end: boolean;
  /** On the last page of a job that has ended; `null` for a job that was lost. */
  readonly exitStatus: ExitStatus | null;
}

export interface StreamLogsRequest {
  readonly jobId: string;
  /** Empty: both. */
  readonly streams: readonly LogStream[];
  /** Go on until the job ends; else the log ends at what there is when it is asked for. */
  readonly follow: boolean;
  readonly start: LogStart;
  /** The `endOffset` of an earlier batch, so that a reading that is resumed ends where it would have. */
  readonly endOffset?: number;
}

export interface WatchJobsRequest {
  readonly filter: JobFilter;
}

/** The newest jobs are kept as far as all of these allow; at least one must be given. */
export interface PruneJobsRequest {
  /** Since they finished. */
  readonly maxAgeMs?: number;
  readonly maxCount?: number;
  /** What their logs take on disk. */
  readonly maxBytes?: number;
  readonly dryRun: boolean;
  /** `""`: whoever's the caller may remove. */
  readonly owner: string;
}

export interface PruneJobsResponse {
  /** What was removed, or would be, newest first; the first 1000 of them, or fewer if they are large. */
  readonly jobs: readonly Job[];
  readonly count: number;
  /** What their logs took on disk. */
  readonly bytes: number;
}

/**
 * One method per use case. Each one authorises, calls the worker, and writes the audit line; each
 * rejects with a `JobWorkerError` for what a caller can do something about.
 */
export interface JobService {
  startJob(request: StartJobRequest, context: CallContext): Promise<Job>;
  stopJob(request: StopJobRequest, context: CallContext): Promise<Job>;
  getJob(request: JobRequest, context: CallContext): Promise<Job>;
  listJobs(request: ListJobsRequest, context: CallContext): Promise<ListJobsResponse>;
  waitJob(request: JobRequest, context: CallContext): Promise<Job>;
  getLogs(request: GetLogsRequest, context: CallContext): Promise<GetLogsResponse>;
  /**
   * The first batch comes at once, an empty one where nothing is stored. Ends after the last batch; throws
   * the reason of `context.signal` when that aborts.
   */
  streamLogs(request: StreamLogsRequest, context: CallContext): AsyncIterable<LogBatch>;
  /** The matching jobs as they are, then each again when its status changes; ends by the signal. */
  watchJobs(request: WatchJobsRequest, context: CallContext): AsyncIterable<Job>;
  signalJob(request: SignalJobRequest, context: CallContext): Promise<Job>;
  updateJob(request: UpdateJobRequest, context: CallContext): Promise<Job>;
  /** Settles once the job has taken the bytes. */
  writeInput(request: WriteInputRequest, context: CallContext): Promise<WriteInputResponse>;
  pruneJobs(request: PruneJobsRequest, context: CallContext): Promise<PruneJobsResponse>;
}
