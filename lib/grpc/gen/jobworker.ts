// deno-fmt-ignore-file
// Generated from the wire contract by `deno task proto`. Do not edit.

export interface JobWorkerMethods {
  readonly StartJob: {
    readonly request: StartJobRequest;
    readonly response: Job;
  };
  readonly StopJob: {
    readonly request: StopJobRequest;
    readonly response: Job;
  };
  readonly GetJob: {
    readonly request: GetJobRequest;
    readonly response: Job;
  };
  readonly ListJobs: {
    readonly request: ListJobsRequest;
    readonly response: ListJobsResponse;
  };
  readonly WaitJob: {
    readonly request: WaitJobRequest;
    readonly response: Job;
  };
  readonly GetLogs: {
    readonly request: GetLogsRequest;
    readonly response: GetLogsResponse;
  };
  readonly StreamLogs: {
    readonly request: StreamLogsRequest;
    readonly response: StreamLogsResponse;
  };
  readonly WatchJobs: {
    readonly request: WatchJobsRequest;
    readonly response: WatchJobsResponse;
  };
  readonly SignalJob: {
    readonly request: SignalJobRequest;
    readonly response: Job;
  };
  readonly UpdateJob: {
    readonly request: UpdateJobRequest;
    readonly response: Job;
  };
  readonly WriteInput: {
    readonly request: WriteInputRequest;
    readonly response: WriteInputResponse;
  };
  readonly PruneJobs: {
    readonly request: PruneJobsRequest;
    readonly response: PruneJobsResponse;
  };
  readonly StreamAudit: {
    readonly request: StreamAuditRequest;
    readonly response: StreamAuditResponse;
  };
  readonly ListHosts: {
    readonly request: ListHostsRequest;
    readonly response: ListHostsResponse;
  };
  readonly RunJobs: {
    readonly request: RunJobsRequest;
    readonly response: RunJobsResponse;
  };
  readonly StopJobs: {
    readonly request: StopJobsRequest;
    readonly response: StopJobsResponse;
  };
}

export interface Command {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}

/** A number if it is one that this contract does not know. */
export type JobStatus =
  | "JOB_STATUS_UNSPECIFIED"
  | "JOB_STATUS_RUNNING"
  | "JOB_STATUS_DONE"
  | "JOB_STATUS_FAILED"
  | "JOB_STATUS_CANCELLED"
  | "JOB_STATUS_QUEUED"
  | number;

/** A number if it is one that this contract does not know. */
export type JobReason =
  | "JOB_REASON_UNSPECIFIED"
  | "JOB_REASON_EXITED"
  | "JOB_REASON_SIGNALED"
  | "JOB_REASON_STOPPED"
  | "JOB_REASON_TIMEOUT"
  | "JOB_REASON_LOG_LIMIT"
  | "JOB_REASON_SHUTDOWN"
  | "JOB_REASON_LOST"
  | "JOB_REASON_START_FAILED"
  | number;

export type ExitStatus = (
  | { readonly outcome?: never }
  | { readonly outcome: "code"; readonly code: number }
  | { readonly outcome: "signal"; readonly signal: string }
);

export interface Job {
  readonly jobId: string;
  readonly command: Command | null;
  readonly status: JobStatus;
  readonly pid: number;
  readonly owner: string;
  readonly startDate: Timestamp | null;
  readonly finishDate: Timestamp | null;
  readonly exitStatus: ExitStatus | null;
  readonly reason: JobReason;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly outputTruncated: boolean;
  readonly logLimit: LogLimit | null;
  readonly logBytes: number;
  readonly detail: string;
  readonly execution: Execution | null;
  readonly containment: Containment;
  readonly usage: JobUsage | null;
  readonly queueDate: Timestamp | null;
  readonly queue: QueuePlace | null;
  readonly host: string;
  readonly asOf: Timestamp | null;
  readonly name: string;
  readonly on: HostSelector | null;
  readonly notify: Notification | null;
}

export interface Notification {
  readonly url: string;
  readonly state: NotificationState;
}

/** A number if it is one that this contract does not know. */
export type NotificationState =
  | "NOTIFICATION_STATE_UNSPECIFIED"
  | "NOTIFICATION_STATE_PENDING"
  | "NOTIFICATION_STATE_DELIVERED"
  | "NOTIFICATION_STATE_FAILED"
  | number;

export interface QueuePlace {
  readonly position: number;
  readonly length: number;
  readonly reason: string;
}

/** A number if it is one that this contract does not know. */
export type Containment =
  | "CONTAINMENT_UNSPECIFIED"
  | "CONTAINMENT_CGROUP"
  | "CONTAINMENT_PROCESS_GROUP"
  | number;

export interface Execution {
  readonly user: string;
  readonly umask: string;
  readonly nice: number;
  readonly timeout: Duration | null;
  readonly gracePeriod: Duration | null;
  readonly limits: JobLimits | null;
  readonly hasInput: boolean;
}

export interface JobLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly processes: number;
}

export type JobUsage = {
  readonly cpuTime: Duration | null;
} & (
  | { readonly _peakMemoryBytes?: never }
  | { readonly _peakMemoryBytes: "peakMemoryBytes"; readonly peakMemoryBytes: number }
) & (
  | { readonly _oomKills?: never }
  | { readonly _oomKills: "oomKills"; readonly oomKills: number }
);

/** A number if it is one that this contract does not know. */
export type LogPolicy =
  | "LOG_POLICY_UNSPECIFIED"
  | "LOG_POLICY_KEEP_NEWEST"
  | "LOG_POLICY_END_JOB"
  | number;

export interface LogLimit {
  readonly bytes: number;
  readonly policy: LogPolicy;
}

export type StartJobRequest = {
  readonly command: Command | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly requestId: string;
  readonly logLimit: LogLimit | null;
  readonly execution: Execution | null;
  readonly on: HostSelector | null;
  readonly priority: number;
  readonly ifHostLost: IfHostLost;
  readonly name: string;
  readonly notify: string;
} & (
  | { readonly _queue?: never }
  | { readonly _queue: "queue"; readonly queue: boolean }
);

/** A number if it is one that this contract does not know. */
export type IfHostLost =
  | "IF_HOST_LOST_UNSPECIFIED"
  | "IF_HOST_LOST_WAIT"
  | "IF_HOST_LOST_RERUN"
  | number;

export interface HostSelector {
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SignalJobRequest {
  readonly jobId: string;
  readonly signal: string;
}

export interface UpdateJobRequest {
  readonly jobId: string;
  readonly timeout: Duration | null;
}

export interface WriteInputRequest {
  readonly jobId: string;
  readonly offset: number;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly end: boolean;
}

export interface WriteInputResponse {
  readonly accepted: number;
}

export interface StopJobRequest {
  readonly jobId: string;
  readonly stopSignal: string;
  readonly gracePeriod: Duration | null;
}

export interface GetJobRequest {
  readonly jobId: string;
}

export interface WaitJobRequest {
  readonly jobId: string;
}

export interface JobFilter {
  readonly statuses: readonly JobStatus[];
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly jobIdPrefix: string;
  readonly startedAfter: Timestamp | null;
  readonly startedBefore: Timestamp | null;
  readonly host: string;
  readonly name: string;
  readonly jobIdSuffix: string;
}

export interface ListJobsRequest {
  readonly filter: JobFilter | null;
  readonly pageSize: number;
  readonly pageToken: string;
  readonly own: boolean;
  readonly counts: boolean;
}

export interface StatusCounts {
  readonly queued: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
}

export interface ListJobsResponse {
  readonly jobs: readonly Job[];
  readonly nextPageToken: string;
  readonly counts: StatusCounts | null;
}

/** A number if it is one that this contract does not know. */
export type LogStream =
  | "LOG_STREAM_UNSPECIFIED"
  | "LOG_STREAM_STDOUT"
  | "LOG_STREAM_STDERR"
  | number;

export interface LogRecord {
  readonly offset: number;
  readonly time: Timestamp | null;
  readonly stream: LogStream;
  readonly data: Uint8Array<ArrayBuffer>;
}

export type GetLogsRequest = {
  readonly jobId: string;
  readonly streams: readonly LogStream[];
  readonly offset: number;
  readonly maxBytes: number;
} & (
  | { readonly _endOffset?: never }
  | { readonly _endOffset: "endOffset"; readonly endOffset: number }
);

export interface GetLogsResponse {
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: Uint8Array<ArrayBuffer>;
  readonly nextOffset: number;
  readonly end: boolean;
  readonly exitStatus: ExitStatus | null;
  readonly gap: LogGap | null;
  readonly endOffset: number;
}

export type StreamLogsRequest = {
  readonly jobId: string;
  readonly streams: readonly LogStream[];
  readonly follow: boolean;
  readonly batchBytes: number;
} & (
  | { readonly start?: never }
  | { readonly start: "offset"; readonly offset: number }
  | { readonly start: "tailLines"; readonly tailLines: number }
  | { readonly start: "since"; readonly since: Timestamp }
) & (
  | { readonly _endOffset?: never }
  | { readonly _endOffset: "endOffset"; readonly endOffset: number }
);

export type StreamLogsResponse = {
  readonly records: readonly LogRecord[];
  readonly nextOffset: number;
  readonly finishedJob: Job | null;
  readonly gap: LogGap | null;
} & (
  | { readonly _endOffset?: never }
  | { readonly _endOffset: "endOffset"; readonly endOffset: number }
);

export interface LogGap {
  readonly from: number;
  readonly to: number;
}

export interface WatchJobsRequest {
  readonly filter: JobFilter | null;
  readonly newest: number;
}

export interface WatchJobsResponse {
  readonly job: Job | null;
}

export type PruneJobsRequest = {
  readonly maxAge: Duration | null;
  readonly dryRun: boolean;
  readonly owner: string;
} & (
  | { readonly _maxCount?: never }
  | { readonly _maxCount: "maxCount"; readonly maxCount: number }
) & (
  | { readonly _maxBytes?: never }
  | { readonly _maxBytes: "maxBytes"; readonly maxBytes: number }
);

export interface PruneJobsResponse {
  readonly jobs: readonly Job[];
  readonly count: number;
  readonly bytes: number;
}

export interface StreamAuditRequest {
  readonly user: string;
  readonly jobIdPrefix: string;
  readonly method: string;
  readonly deniedOnly: boolean;
  readonly since: Timestamp | null;
  readonly follow: boolean;
  readonly position: string;
}

export interface StreamAuditResponse {
  readonly records: readonly AuditRecord[];
  readonly position: string;
  readonly gap: AuditGap | null;
}

export interface AuditGap {
  readonly from: Timestamp | null;
  readonly to: Timestamp | null;
}

export type AuditRecord = {
  readonly time: Timestamp | null;
  readonly user: string;
  readonly roles: readonly string[];
  readonly fingerprint: string;
  readonly peer: string;
  readonly method: string;
  readonly jobId: string;
  readonly argv: readonly string[];
  readonly decision: string;
  readonly result: string;
  readonly why: string;
  readonly unreported: number;
  readonly lost: number;
  readonly damaged: AuditDamage | null;
  readonly runAs: string;
  readonly via: string;
  readonly notify: string;
} & (
  | { readonly _argvTruncated?: never }
  | { readonly _argvTruncated: "argvTruncated"; readonly argvTruncated: number }
);

export interface AuditDamage {
  readonly from: number;
  readonly to: number;
}

export interface ListHostsRequest {
  readonly on: HostSelector | null;
}

export interface ListHostsResponse {
  readonly hosts: readonly Host[];
}

/** A number if it is one that this contract does not know. */
export type HostState =
  | "HOST_STATE_UNSPECIFIED"
  | "HOST_STATE_ONLINE"
  | "HOST_STATE_OFFLINE"
  | number;

export interface Host {
  readonly name: string;
  readonly state: HostState;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  readonly running: number;
  readonly queued: number;
  readonly load: number;
  readonly version: string;
  readonly heardDate: Timestamp | null;
  readonly detail: string;
}

export interface RunJobsRequest {
  readonly command: Command | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly logLimit: LogLimit | null;
  readonly execution: Execution | null;
  readonly queue: boolean;
  readonly targets: readonly RunTarget[];
}

export interface RunTarget {
  readonly host: string;
  readonly requestId: string;
  readonly jobId: string;
  readonly offset: number;
}

export interface RunJobsResponse {
  readonly events: readonly RunEvent[];
}

export interface RunEvent {
  readonly host: string;
  readonly job: Job | null;
  readonly log: StreamLogsResponse | null;
  readonly failure: RunFailure | null;
}

export interface RunFailure {
  readonly kind: RunFailureKind;
  readonly message: string;
}

/** A number if it is one that this contract does not know. */
export type RunFailureKind =
  | "RUN_FAILURE_KIND_UNSPECIFIED"
  | "RUN_FAILURE_KIND_REFUSED"
  | "RUN_FAILURE_KIND_OFFLINE"
  | "RUN_FAILURE_KIND_UNANSWERED"
  | number;

export interface StopJobsRequest {
  readonly jobIds: readonly string[];
  readonly stopSignal: string;
  readonly gracePeriod: Duration | null;
}

export interface StopJobsResponse {
  readonly failures: readonly StopFailure[];
}

export interface StopFailure {
  readonly jobId: string;
  readonly code: string;
  readonly message: string;
}

export interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}

export interface Duration {
  readonly seconds: number;
  readonly nanos: number;
}
