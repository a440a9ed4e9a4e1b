/**
 * The only way to the jobs. The handlers of every API see just this interface; `lib/daemon` decides whether it
 * is the service itself or the client of another process.
 *
 * @module
 */

import type { Identity } from "../auth/identity.ts";
import type { AuditBatch } from "../job/audit_record.ts";
import type { Host, HostSelector, IfHostLost } from "../job/host.ts";
import type { RunEvent } from "../job/run_event.ts";
import type { ErrorCode } from "../errors.ts";
import type { StatusCounts } from "../job/status_counts.ts";
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

export type { AuditBatch, AuditGap, AuditRecord } from "../job/audit_record.ts";
export type { Host, HostSelector, HostState, IfHostLost } from "../job/host.ts";
export type { RunEvent, RunFailure, RunFailureKind } from "../job/run_event.ts";
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

/** Who calls, and from where. Authorisation and the audit trail are based on it. */
export interface Caller {
  readonly identity: Identity;
  /** SHA-256 of the client certificate in lower-case hex, or `""` if the caller proved who they are in another way. */
  readonly fingerprint: string;
  /** The serial number of that certificate in lower-case hex: the deny list has such numbers. */
  readonly serialNumber?: string;
  /** Address and port of the other side, such as `"127.0.0.1:51234"`. */
  readonly peer: string;
  /** The hub of a fleet that has brought the call and vouches for all of this, if there is one. */
  readonly via?: string;
}

/** The context of one call. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborted when the client has left, its deadline has passed, or the server shuts down. */
  readonly signal: AbortSignal;
}

export interface StartJobRequest {
  readonly command: Command;
  readonly labels: Readonly<Record<string, string>>;
  /** What the caller calls it, see `job_name.ts`; nothing by default. No two jobs of a user that have not ended share a name. */
  readonly name?: string;
  /** A repeated request with the same value by the same user returns the same job. `""`: none. */
  readonly requestId: string;
  /** The daemon chooses what is left out. */
  readonly logLimit?: Partial<LogLimit>;
  readonly execution?: Partial<Execution>;
  /** Whether it may wait, if too many jobs run; by default only at the hub of a fleet. */
  readonly queue?: boolean;
  /** The https URL of a webhook that is told how it has ended, at a host that the daemon allows. */
  readonly notify?: string;
  /** Where in a fleet it is to run; anywhere by default. Only a hub takes it. */
  readonly on?: HostSelector;
  /** Those with a higher one leave the queue of a hub first, -100 to 100; 0 by default. More is for admins. */
  readonly priority?: number;
  /** What becomes of it if the host is lost that has it; by default it waits. Only a hub takes another word. */
  readonly ifHostLost?: IfHostLost;
}

/** A start under an id that the hub of a fleet has given: no job has it twice, whoever asks again. */
export interface PlaceJobRequest {
  readonly jobId: string;
  readonly start: StartJobRequest;
}

export interface SignalJobRequest {
  readonly jobId: string;
  /** A name or a number as in signal(7). */
  readonly signal: string;
}

export interface UpdateJobRequest {
  readonly jobId: string;
  /** Counted from the start of the job; 0: no limit. */
  readonly timeoutMs: number;
}

export interface WriteInputRequest {
  readonly jobId: string;
  /** How many bytes of input came before these. Bytes that were already written are skipped. */
  readonly offset: number;
  /** At most 1 MiB. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** True if no more will come. */
  readonly end: boolean;
}

export interface WriteInputResponse {
  /** The total number of input bytes accepted so far. */
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
  /** Only jobs of the caller's own, whoever's they may see. */
  readonly own?: boolean;
  /** Whether to tell as well how many jobs of each status match the rest of the filter. */
  readonly counts?: boolean;
  /** 1 to 1000; 0 for the default, 100. A page has fewer jobs if their commands are large. */
  readonly pageSize: number;
  /** The `nextPageToken` of the previous page, or `""`. */
  readonly pageToken: string;
}

export interface ListJobsResponse {
  /** Newest first. */
  readonly jobs: readonly Job[];
  /** `""` on the last page. */
  readonly nextPageToken: string;
  /** If it was asked for. */
  readonly counts?: StatusCounts;
}

export interface GetLogsRequest {
  readonly jobId: string;
  /** Empty: both. */
  readonly streams: readonly LogStream[];
  readonly offset: number;
  /** The `endOffset` of the first page. Without it there is no last page if the job prints faster than it is read. */
  readonly endOffset?: number;
  /** 1 to 1 MiB; 0 for the default, 1 MiB. */
  readonly maxBytes: number;
}

export interface GetLogsResponse {
  /** The output before this page that is gone for good. A page ends before the next gap. */
  readonly gap?: LogGap;
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: Uint8Array<ArrayBuffer>;
  readonly nextOffset: number;
  /** Where the last page ends: after what was stored when this one was requested, or at the request's `endOffset`. */
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
  /** Continue until the job ends. Otherwise the log ends after what is stored when it is requested. */
  readonly follow: boolean;
  readonly start: LogStart;
  /** The `endOffset` of an earlier batch, so that a resumed stream ends where it would have ended. */
  readonly endOffset?: number;
  /** The most bytes of output in a batch, 4 KiB to 256 KiB, for those who follow many logs; 256 KiB by default. */
  readonly batchBytes?: number;
}

export interface WatchJobsRequest {
  readonly filter: JobFilter;
  /** With how many jobs as they are it begins, the newest: at most 1000; 0, the default: with all. */
  readonly newest?: number;
}

/** An empty field is about all lines. */
export interface StreamAuditRequest {
  readonly user: string;
  /** The beginning of a job id. */
  readonly jobIdPrefix: string;
  /** A method of {@linkcode JobService}, `connect`, `login` or `logout`. */
  readonly method: string;
  /** Only what was denied. */
  readonly deniedOnly: boolean;
  /** Only lines from then on, in milliseconds since the Unix epoch. */
  readonly since?: number;
  /** Continue with the lines that come. Otherwise it ends with what there is when it is requested. */
  readonly follow: boolean;
  /** The `position` of an earlier batch, to continue behind it. */
  readonly position: string;
}

export interface ListHostsRequest {
  /** Which of them; all by default. */
  readonly on?: HostSelector;
}

export interface ListHostsResponse {
  /** In the order of their names; none where there is no fleet. */
  readonly hosts: readonly Host[];
}

/** A host of a fleet that a command is to run on, and how far that is known already. */
export interface RunTarget {
  readonly host: string;
  /** As in {@linkcode StartJobRequest}, one for each target; not `""`. */
  readonly requestId: string;
  /** The job that an earlier call has told of, which is only followed; `""`: start one. */
  readonly jobId: string;
  /** Where the output of that goes on: the `nextOffset` that an earlier call has told. */
  readonly offset: number;
}

/** One command for many hosts. */
export interface RunJobsRequest
  extends Pick<StartJobRequest, "command" | "labels" | "logLimit" | "execution" | "queue"> {
  /** At most 1000, each host once. */
  readonly targets: readonly RunTarget[];
}

/** What has come of it since the answer before. */
export interface RunJobsResponse {
  readonly events: readonly RunEvent[];
}

export interface StopJobsRequest extends Pick<StopJobRequest, "stopSignal" | "gracePeriodMs"> {
  /** At most 1000. */
  readonly jobIds: readonly string[];
}

/** A job that was not stopped, be it because it had ended already. */
export interface StopFailure {
  readonly jobId: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface StopJobsResponse {
  readonly failures: readonly StopFailure[];
}

/** The newest jobs are kept as far as all of these limits allow. At least one must be given. */
export interface PruneJobsRequest {
  /** How long ago they finished. */
  readonly maxAgeMs?: number;
  readonly maxCount?: number;
  /** The size of their logs on disk. */
  readonly maxBytes?: number;
  readonly dryRun: boolean;
  /** `""`: everybody whose jobs the caller may remove. */
  readonly owner: string;
}

export interface PruneJobsResponse {
  /** What was removed, or would be, newest first: at most 1000 jobs, fewer if they are large. */
  readonly jobs: readonly Job[];
  readonly count: number;
  /** The size of their logs on disk. */
  readonly bytes: number;
}

/**
 * One method per use case. Each one authorises, calls the worker and writes the audit line, and rejects with
 * a `JobWorkerError` if the caller can do something about it.
 */
export interface JobService {
  startJob(request: StartJobRequest, context: CallContext): Promise<Job>;
  stopJob(request: StopJobRequest, context: CallContext): Promise<Job>;
  getJob(request: JobRequest, context: CallContext): Promise<Job>;
  listJobs(request: ListJobsRequest, context: CallContext): Promise<ListJobsResponse>;
  waitJob(request: JobRequest, context: CallContext): Promise<Job>;
  getLogs(request: GetLogsRequest, context: CallContext): Promise<GetLogsResponse>;
  /**
   * The first batch comes at once, empty if nothing is stored. Ends after the last batch; throws the reason
   * of `context.signal` when that aborts. The bytes of a batch are good until the next one is asked for.
   */
  streamLogs(request: StreamLogsRequest, context: CallContext): AsyncIterable<LogBatch>;
  /**
   * The matching jobs as they are, then each again when its status changes; one that then no longer matches, once
   * more. Only the signal ends it.
   */
  watchJobs(request: WatchJobsRequest, context: CallContext): AsyncIterable<Job>;
  signalJob(request: SignalJobRequest, context: CallContext): Promise<Job>;
  updateJob(request: UpdateJobRequest, context: CallContext): Promise<Job>;
  /** Settles once the job has taken the bytes. */
  writeInput(request: WriteInputRequest, context: CallContext): Promise<WriteInputResponse>;
  pruneJobs(request: PruneJobsRequest, context: CallContext): Promise<PruneJobsResponse>;
  /**
   * The lines of the audit trail, oldest first, as far as they are on the disk. The first batch comes at once,
   * and is empty.
   */
  streamAudit(request: StreamAuditRequest, context: CallContext): AsyncIterable<AuditBatch>;
  /** The hosts of a fleet, as its hub sees them. */
  listHosts(request: ListHostsRequest, context: CallContext): Promise<ListHostsResponse>;
  /**
   * Starts a command on many hosts of a fleet, and tells what comes of it until all have ended. What goes wrong at a
   * host is an event, and concerns no other.
   */
  runJobs(request: RunJobsRequest, context: CallContext): AsyncIterable<RunJobsResponse>;
  /** Settles once all of them have ended, or cannot be stopped. */
  stopJobs(request: StopJobsRequest, context: CallContext): Promise<StopJobsResponse>;
}

/** What only the hub of a fleet asks for, on behalf of a client. */
export interface PlacementService {
  /**
   * As `JobService.startJob()`, and the request id counts for nothing.
   *
   * @throws also `failed_precondition` with the reason `JOB_REMOVED` if there was a job with this id
   */
  placeJob(request: PlaceJobRequest, context: PlaceJobContext): Promise<Job>;
}

export interface PlaceJobContext extends CallContext {
  /**
   * When it was certain that the job is this host's to start, in milliseconds since the Unix epoch: a call that comes
   * too long after that starts nothing. By default when the call is made.
   */
  readonly decidedAt?: number;
  /** By default nobody wants to read what the job prints. */
  readonly early?: EarlyLog;
}

/** Somebody who is about to follow a job that is being started. */
export interface EarlyLog {
  /** As in `StreamLogsRequest`. */
  readonly batchBytes: number;
  /**
   * Called before the start is answered with what the job has printed by then, and its end, if that comes at once. What
   * comes later has to be asked for, from where this has got to.
   */
  readonly take: (batch: LogBatch) => void;
}
