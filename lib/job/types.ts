/**
 * The words of the worker library.
 *
 * @module
 */

/** What to run. There is no shell: for pipes and variables, run `sh` with `-c`. */
export interface Command {
  /** A path, or a name that is looked up in the job's `PATH`. */
  readonly name: string;
  readonly args: readonly string[];
  /** Added to the clean environment every job gets: `PATH`, `HOME`, `LANG`, `JOB_ID`. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path, or `""` for the worker's default. */
  readonly workingDirectory: string;
}

/** How the leader of a job ended: the two cases of wait(2). */
export type ExitStatus = { readonly code: number } | { readonly signal: string };

/**
 * Stands for a word that a newer program has written and this one does not know. Only what was received
 * or stored may hold it; a request that asks for it is refused.
 */
export type Unknown = "unknown";

/** What a job is until it ends. */
export const LIVE_STATUSES = ["queued", "running"] as const;

/** How a job turned out. */
export const END_STATUSES = ["done", "failed", "cancelled"] as const;

/** Every {@linkcode JobStatus}, in the order of a job's life. */
export const JOB_STATUSES = [...LIVE_STATUSES, ...END_STATUSES] as const;

export type JobStatus = typeof JOB_STATUSES[number];

/**
 * Why a job has ended. `lost`: the executor died while it ran, and nobody knows. `start_failed`: it waited in the
 * queue, and could not be started when its turn came.
 */
export const JOB_REASONS = [
  "exited",
  "signaled",
  "stopped",
  "timeout",
  "log_limit",
  "shutdown",
  "lost",
  "start_failed",
] as const;

export type JobReason = typeof JOB_REASONS[number];

/** The outcome of a job, whole or absent: no end time without an end can be expressed. */
export interface JobEnd {
  readonly status: typeof END_STATUSES[number] | Unknown;
  readonly reason: JobReason | Unknown;
  /** `null` only for a job that was lost, or never ran. */
  readonly exitStatus: ExitStatus | null;
  /**
   * Milliseconds since the Unix epoch, when the leader ended. For a lost job, the latest time at which
   * it is known to have run; for one that never ran, when it left the queue.
   */
  readonly finishedAt: number;
  /** More about the reason, in words, where there is more to say. */
  readonly detail?: string;
}

/** What happens when a log reaches its limit. */
export const LOG_POLICIES = ["keep_newest", "end_job"] as const;

export type LogPolicy = typeof LOG_POLICIES[number];

/** A bound on the log of one job. */
export interface LogLimit {
  /** What it may take on disk; 1 MiB at least. */
  readonly bytes: number;
  /** Drop the oldest output, and tell readers what is gone; or end the job. */
  readonly policy: LogPolicy;
}

/** What holds the processes of a job together: a stop reaches all that are in it. */
export const CONTAINMENTS = ["cgroup", "process_group"] as const;

/** With `process_group`, a child that calls setsid(2) escapes. */
export type Containment = typeof CONTAINMENTS[number];

/** Bounds on what a job may use. An absent member is no bound. */
export interface JobLimits {
  /** In a cgroup, the memory of all its processes together; otherwise the address space of each. */
  readonly memoryBytes?: number;
  /** How many processors' worth of time it may use at once; 0.5 is half of one. */
  readonly cpus?: number;
  readonly processes?: number;
}

/** What a job has used; `null` where the kernel does not tell. */
export interface JobUsage {
  /** Processor time, in milliseconds. */
  readonly cpuMs: number | null;
  readonly peakMemoryBytes: number | null;
  /** How many of its processes the kernel has killed for want of memory. */
  readonly oomKills: number | null;
}

/** How a job is run, beyond what is run. */
export interface Execution {
  /** The user whose rights it has; `""` for the daemon's own. */
  readonly user: string;
  /** Octal, `"022"`; `""` for the daemon's. */
  readonly umask: string;
  /** -20 to 19, added to the daemon's; see nice(1). */
  readonly nice: number;
  /** How long it may run, in milliseconds from its start; 0: without bound. */
  readonly timeoutMs: number;
  /** From the stop signal to SIGKILL, in milliseconds, for a stop that does not say otherwise. */
  readonly gracePeriodMs: number;
  readonly limits: JobLimits;
  /** Whether clients may write to its standard input, which is /dev/null otherwise. */
  readonly hasInput: boolean;
}

/** Where a queued job stands at the moment. */
export interface QueuePlace {
  /**
   * Which one it is of those that wait, if owners take turns and nobody is held up; the next one is 1. 0: its turn has
   * come, and a host of a fleet was given it that has not answered yet.
   */
  readonly position: number;
  /** How many wait in all. */
  readonly length: number;
  /** What it waits for, in words. */
  readonly reason: string;
}

/** Which hosts of a fleet a job may run on: all that are left out match. */
export interface HostSelector {
  /** `""`: any. */
  readonly host: string;
  /** A host must have all of these. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What has come of telling a webhook how a job has ended; `pending` also while it has not. */
export const NOTIFICATION_STATES = ["pending", "delivered", "failed"] as const;

export type NotificationState = typeof NOTIFICATION_STATES[number];

/** A webhook that is told how a job has ended. */
export interface Notification {
  /** As it was given, or without its path for those who may only look. */
  readonly url: string;
  readonly state: NotificationState | Unknown;
}

/** A job as others see it: a value, never changed once it is made. */
export interface Job {
  /** UUIDv7 (RFC 9562), in lower case. */
  readonly jobId: string;
  readonly command: Command;
  /** Process id of the leader, which is also its process group and session; 0 before it has one. */
  readonly pid: number;
  /** The user who started it. */
  readonly owner: string;
  /**
   * What its owner calls it; `""` for nothing. No two jobs of an owner that have not ended have the same name. See
   * `job_name.ts`.
   */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The client's own name for the start request; `""` if it gave none. */
  readonly requestId: string;
  /** Milliseconds since the Unix epoch; `null` for one that did not have to wait. */
  readonly queuedAt: number | null;
  /** `null` unless it waits in the queue. It is worked out for whoever asks, and not recorded. */
  readonly queue: QueuePlace | null;
  /** Milliseconds since the Unix epoch; `null` for one that has not run, or never did. */
  readonly startedAt: number | null;
  /** Bytes read from the job so far. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly execution: Execution;
  readonly containment: Containment | Unknown;
  /** `null` until it has ended, and where the kernel does not tell. */
  readonly usage: JobUsage | null;
  readonly logLimit: Omit<LogLimit, "policy"> & { readonly policy: LogPolicy | Unknown };
  /** What the log takes on disk. */
  readonly logBytes: number;
  /**
   * True if the log may lack the end of the output: a process that had left the job still held it
   * open when the job ended, or the log took no more.
   */
  readonly outputTruncated: boolean;
  /** Its status until it ends. */
  readonly liveStatus: typeof LIVE_STATUSES[number] | Unknown;
  /** `null` until the job has ended. */
  readonly end: JobEnd | null;
  /** Absent if nobody in particular is to be told. */
  readonly notify?: Notification;
  /** Which host of a fleet has it; absent where there is no fleet, and while none was given it. Only a hub knows, and it is not recorded. */
  readonly host?: string;
  /** Where in a fleet it was to run, if a hub was asked to start it. Only that hub knows, and it is not recorded with the job. */
  readonly on?: HostSelector;
  /**
   * If that host cannot be reached: when it last said something, in milliseconds since the Unix epoch. The job is
   * told as it was then.
   */
  readonly asOf?: number;
}

/** The status of a job. */
export function statusOf(job: Job): JobStatus | Unknown {
  return job.end === null ? job.liveStatus : job.end.status;
}

/** When a job was started; when it was queued, if it has not run. Milliseconds since the Unix epoch. */
export function beganAt({ startedAt, queuedAt }: Job): number {
  return startedAt ?? queuedAt ?? 0;
}

/** The two outputs of a process. */
export const LOG_STREAMS = ["stdout", "stderr"] as const;

export type LogStream = typeof LOG_STREAMS[number];

/** What was read from a job at once: not a line, and not text. */
export interface LogRecord<Stream extends string = LogStream | Unknown> {
  /** How many bytes of output, both streams together, came before this record. */
  readonly offset: number;
  /**
   * When it was read, or when the job ended if that was before: some of it may still be in the pipe
   * then, or come from what the leader left behind. Milliseconds since the Unix epoch, never less than
   * that of the record before.
   */
  readonly time: number;
  readonly stream: Stream;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** A record as the worker has it: its stream is one of the two. */
export type StoredRecord = LogRecord<LogStream>;

/** Some consecutive records of a log, about 256 KiB at most. Other readers may have the same bytes: nobody changes them. */
export interface LogBatch<Stream extends string = LogStream | Unknown> {
  readonly records: readonly LogRecord<Stream>[];
  /** The same records as `packed_records.ts` has them, if they are at hand. They are the same bytes, not a copy. */
  readonly packed?: Uint8Array<ArrayBuffer>;
  /** The offset to resume from after this batch. */
  readonly nextOffset: number;
  /** Where the reading ends, in bytes of output. Absent from a log that is followed. */
  readonly endOffset?: number;
  /** Output before these records that is gone for good: dropped to stay within the log's limit. */
  readonly gap?: LogGap;
  /** In the last batch, if the job has ended and all of its output has been read. */
  readonly finishedJob: Job | null;
}

/** A piece of output, both streams together: the bytes from one offset up to another. */
export interface LogGap {
  readonly from: number;
  readonly to: number;
}

/** Where reading a log starts. */
export type LogStart =
  | { readonly kind: "offset"; readonly offset: number }
  | { readonly kind: "tail"; readonly lines: number }
  | { readonly kind: "since"; readonly time: number };

/** Which jobs to list. An absent member matches every job. */
export interface JobFilter {
  readonly statuses?: readonly JobStatus[];
  readonly owner?: string;
  /** Every one of these must be set on the job. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly jobIdPrefix?: string;
  readonly jobIdSuffix?: string;
  readonly name?: string;
  /**
   * Started at or after this, and before that; milliseconds since the Unix epoch. A job that has not run counts
   * from when it was queued.
   */
  readonly startedAfter?: number;
  readonly startedBefore?: number;
  /** The one of a fleet that has it; without a fleet, no job matches. */
  readonly host?: string;
}
