/**
 * Between the messages of the wire contract and the words of Job Worker, both ways, and nothing
 * else: a request is validated by the service. What has no word is refused with the field's name,
 * as `invalid_argument` in a request and as `internal` in a response of a server newer than we are.
 *
 * @module
 */

import { type ErrorCode, JobWorkerError } from "../errors.ts";
import type {
  GetOutputRequest,
  GetOutputResponse,
  LimitJobTimeRequest,
  ListJobsRequest,
  ListJobsResponse,
  PruneJobsRequest,
  PruneJobsResponse,
  StartJobRequest,
  StopJobRequest,
  StreamLogsRequest,
} from "../service/job_service.ts";
import type {
  Command,
  Containment,
  Execution,
  ExitStatus,
  Job,
  JobFilter,
  JobLimits,
  JobReason,
  JobStatus,
  JobUsage,
  LogBatch,
  LogLimit,
  LogRecord,
  LogStart,
  LogStream,
} from "../worker/types.ts";
import type * as wire from "./gen/jobworker.ts";

const STATUSES = {
  JOB_STATUS_RUNNING: "running",
  JOB_STATUS_DONE: "done",
  JOB_STATUS_FAILED: "failed",
  JOB_STATUS_CANCELLED: "cancelled",
} as const satisfies Record<string, JobStatus>;

const REASONS = {
  JOB_REASON_EXITED: "exited",
  JOB_REASON_SIGNALED: "signaled",
  JOB_REASON_STOPPED: "stopped",
  JOB_REASON_TIMEOUT: "timeout",
  JOB_REASON_LOG_LIMIT: "log_limit",
  JOB_REASON_SHUTDOWN: "shutdown",
  JOB_REASON_LOST: "lost",
} as const satisfies Record<string, JobReason>;

const STREAMS = {
  LOG_STREAM_STDOUT: "stdout",
  LOG_STREAM_STDERR: "stderr",
} as const satisfies Record<string, LogStream>;

const LOG_POLICIES = {
  LOG_POLICY_KEEP_NEWEST: "keep_newest",
  LOG_POLICY_END_JOB: "end_job",
} as const satisfies Record<string, LogLimit["policy"]>;

const CONTAINMENTS = {
  CONTAINMENT_CGROUP: "cgroup",
  CONTAINMENT_PROCESS_GROUP: "process_group",
} as const satisfies Record<string, Containment>;

const NO_COMMAND: Command = { name: "", args: [], env: {}, workingDirectory: "" };

const NO_EXECUTION: Execution = {
  user: "",
  umask: "",
  nice: 0,
  timeoutMs: 0,
  gracePeriodMs: 0,
  limits: {},
  hasInput: false,
};

/** The word for an enum value. The codes are those of the two directions. */
function readEnum<Word extends string>(
  words: Readonly<Record<string, Word>>,
  value: string | number,
  field: string,
  code: ErrorCode,
): Word {
  const word = Object.hasOwn(words, value) ? words[value] : undefined;
  if (word !== undefined) return word;
  const known = Object.keys(words).join(", ");
  throw new JobWorkerError(code, `Unknown value in ${field}: ${value} (known: ${known})`);
}

function writeEnum<Value extends string>(words: Record<Value, string>, word: string): Value {
  for (const value in words) if (words[value] === word) return value;
  throw new TypeError(`The wire contract has no value for "${word}"`);
}

/** Integers beyond 2^53 have lost digits by now: better no answer than a wrong one. */
function readInteger(value: number, field: string): number {
  if (Number.isSafeInteger(value)) return value;
  throw new JobWorkerError("invalid_argument", `Number too large in ${field}: ${value}`);
}

/** Seconds and nanoseconds, to milliseconds. */
function readMs({ seconds, nanos }: wire.Timestamp | wire.Duration, field: string): number {
  return readInteger(seconds * 1000 + Math.trunc(nanos / 1e6), field);
}

function writeTimestamp(ms: number): wire.Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

function writeDuration(ms: number): wire.Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

// Requests.

export function readStartJobRequest(request: wire.StartJobRequest): StartJobRequest {
  const { command, labels, requestId } = request;
  const logLimit = request.logLimit === null ? null : readLogLimit(request.logLimit);
  return {
    command: command ?? NO_COMMAND,
    labels,
    requestId,
    ...(logLimit !== null && { logLimit }),
    ...(request.execution !== null && { execution: readExecution(request.execution) }),
  };
}

export function writeStartJobRequest(request: StartJobRequest): wire.StartJobRequest {
  const { logLimit, execution } = request;
  return {
    ...request,
    logLimit: logLimit === undefined ? null : writeLogLimit(logLimit),
    execution: execution === undefined ? null : writeExecution(execution),
  };
}

function readExecution(execution: wire.Execution): Partial<Execution> {
  const { user, umask, nice, timeout, gracePeriod, limits, hasInput } = execution;
  return {
    user,
    umask,
    nice,
    hasInput,
    limits: readLimits(limits),
    timeoutMs: timeout === null ? 0 : readMs(timeout, "execution.timeout"),
    ...(gracePeriod !== null && { gracePeriodMs: readMs(gracePeriod, "execution.grace_period") }),
  };
}

function writeExecution(execution: Partial<Execution>): wire.Execution {
  const { user = "", umask = "", nice = 0, timeoutMs = 0, gracePeriodMs, hasInput } = execution;
  const { memoryBytes = 0, cpus = 0, processes = 0 } = execution.limits ?? {};
  return {
    user,
    umask,
    nice,
    timeout: timeoutMs === 0 ? null : writeDuration(timeoutMs),
    gracePeriod: gracePeriodMs === undefined ? null : writeDuration(gracePeriodMs),
    limits: { memoryBytes, cpus, processes },
    hasInput: hasInput ?? false,
  };
}

/** 0 is no limit. */
function readLimits(limits: wire.JobLimits | null): JobLimits {
  const { memoryBytes = 0, cpus = 0, processes = 0 } = limits ?? {};
  return {
    ...(memoryBytes !== 0 && { memoryBytes }),
    ...(cpus !== 0 && { cpus }),
    ...(processes !== 0 && { processes }),
  };
}

function readUsage(usage: wire.JobUsage | null): JobUsage | null {
  if (usage === null) return null;
  const { cpuTime } = usage;
  return {
    cpuMs: cpuTime === null ? null : readMs(cpuTime, "cpu_time"),
    peakMemoryBytes: usage._peakMemoryBytes === undefined ? null : usage.peakMemoryBytes,
    oomKills: usage._oomKills === undefined ? null : usage.oomKills,
  };
}

function writeUsage({ cpuMs, peakMemoryBytes, oomKills }: JobUsage): wire.JobUsage {
  const peak = peakMemoryBytes === null
    ? {}
    : { _peakMemoryBytes: "peakMemoryBytes", peakMemoryBytes } as const;
  const kills = oomKills === null ? {} : { _oomKills: "oomKills", oomKills } as const;
  return { cpuTime: cpuMs === null ? null : writeDuration(cpuMs), ...peak, ...kills };
}

export function readLimitJobTimeRequest(request: wire.LimitJobTimeRequest): LimitJobTimeRequest {
  const { jobId, timeout } = request;
  return { jobId, timeoutMs: timeout === null ? 0 : readMs(timeout, "timeout") };
}

export function writeLimitJobTimeRequest(request: LimitJobTimeRequest): wire.LimitJobTimeRequest {
  const { jobId, timeoutMs } = request;
  return { jobId, timeout: writeDuration(timeoutMs) };
}

/** In a request, what is 0 or unspecified is left to the daemon. */
function readLogLimit({ bytes, policy }: wire.LogLimit): Partial<LogLimit> {
  const chosen = policy !== "LOG_POLICY_UNSPECIFIED";
  return {
    ...(bytes !== 0 && { bytes: readInteger(bytes, "log_limit.bytes") }),
    ...(chosen &&
      { policy: readEnum(LOG_POLICIES, policy, "log_limit.policy", "invalid_argument") }),
  };
}

function writeLogLimit({ bytes = 0, policy }: Partial<LogLimit>): wire.LogLimit {
  const chosen = policy === undefined ? "LOG_POLICY_UNSPECIFIED" : writeEnum(LOG_POLICIES, policy);
  return { bytes, policy: chosen };
}

export function readPruneJobsRequest(request: wire.PruneJobsRequest): PruneJobsRequest {
  const { maxAge, dryRun, owner } = request;
  return {
    ...(maxAge !== null && { maxAgeMs: readMs(maxAge, "max_age") }),
    ...(request._maxCount !== undefined &&
      { maxCount: readInteger(request.maxCount, "max_count") }),
    ...(request._maxBytes !== undefined &&
      { maxBytes: readInteger(request.maxBytes, "max_bytes") }),
    dryRun,
    owner,
  };
}

export function writePruneJobsRequest(request: PruneJobsRequest): wire.PruneJobsRequest {
  const { maxAgeMs, maxCount, maxBytes, dryRun, owner } = request;
  // In this way the compiler sees that each is there whole or not at all.
  const count = maxCount === undefined ? {} : { _maxCount: "maxCount", maxCount } as const;
  const bytes = maxBytes === undefined ? {} : { _maxBytes: "maxBytes", maxBytes } as const;
  const maxAge = maxAgeMs === undefined ? null : writeDuration(maxAgeMs);
  return { maxAge, dryRun, owner, ...count, ...bytes };
}

export function readStopJobRequest(request: wire.StopJobRequest): StopJobRequest {
  const { jobId, stopSignal, gracePeriod } = request;
  const gracePeriodMs = gracePeriod === null ? null : readMs(gracePeriod, "grace_period");
  return { jobId, stopSignal, gracePeriodMs };
}

export function writeStopJobRequest(request: StopJobRequest): wire.StopJobRequest {
  const { jobId, stopSignal, gracePeriodMs } = request;
  const gracePeriod = gracePeriodMs === null ? null : writeDuration(gracePeriodMs);
  return { jobId, stopSignal, gracePeriod };
}

/** A field that is empty on the wire matches every job: the member is left out. */
export function readJobFilter(filter: wire.JobFilter | null): JobFilter {
  if (filter === null) return {};
  const { owner, labels, jobIdPrefix, startedAfter, startedBefore } = filter;
  const statuses = filter.statuses.map((status) =>
    readEnum(STATUSES, status, "filter.statuses", "invalid_argument")
  );
  return {
    ...(statuses.length > 0 && { statuses }),
    ...(owner !== "" && { owner }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(jobIdPrefix !== "" && { jobIdPrefix }),
    ...(startedAfter !== null &&
      { startedAfter: readMs(startedAfter, "filter.started_after") }),
    ...(startedBefore !== null &&
      { startedBefore: readMs(startedBefore, "filter.started_before") }),
  };
}

export function writeJobFilter(filter: JobFilter): wire.JobFilter {
  const { statuses = [], owner = "", labels = {}, jobIdPrefix = "" } = filter;
  const { startedAfter, startedBefore } = filter;
  return {
    statuses: statuses.map((status) => writeEnum(STATUSES, status)),
    owner,
    labels,
    jobIdPrefix,
    startedAfter: startedAfter === undefined ? null : writeTimestamp(startedAfter),
    startedBefore: startedBefore === undefined ? null : writeTimestamp(startedBefore),
  };
}

export function readListJobsRequest(request: wire.ListJobsRequest): ListJobsRequest {
  return { ...request, filter: readJobFilter(request.filter) };
}

export function writeListJobsRequest(request: ListJobsRequest): wire.ListJobsRequest {
  return { ...request, filter: writeJobFilter(request.filter) };
}

function readStreams(streams: wire.GetOutputRequest["streams"]): LogStream[] {
  return streams.map((stream) => readEnum(STREAMS, stream, "streams", "invalid_argument"));
}

function writeStreams(streams: readonly LogStream[]): wire.GetOutputRequest["streams"] {
  return streams.map((stream) => writeEnum(STREAMS, stream));
}

export function readGetOutputRequest(request: wire.GetOutputRequest): GetOutputRequest {
  const { jobId, maxBytes } = request;
  const offset = readInteger(request.offset, "offset");
  return { jobId, streams: readStreams(request.streams), offset, maxBytes };
}

export function writeGetOutputRequest(request: GetOutputRequest): wire.GetOutputRequest {
  return { ...request, streams: writeStreams(request.streams) };
}

export function readStreamLogsRequest(request: wire.StreamLogsRequest): StreamLogsRequest {
  const { jobId, follow } = request;
  return { jobId, streams: readStreams(request.streams), follow, start: readLogStart(request) };
}

function readLogStart(request: wire.StreamLogsRequest): LogStart {
  switch (request.start) {
    case "tailLines":
      return { kind: "tail", lines: request.tailLines };
    case "since":
      return { kind: "since", time: readMs(request.since, "since") };
    case "offset":
      return { kind: "offset", offset: readInteger(request.offset, "offset") };
    default:
      return { kind: "offset", offset: 0 };
  }
}

export function writeStreamLogsRequest(request: StreamLogsRequest): wire.StreamLogsRequest {
  const { jobId, follow, start } = request;
  const message = { jobId, follow, streams: writeStreams(request.streams) };
  switch (start.kind) {
    case "offset":
      return { ...message, start: "offset", offset: start.offset };
    case "tail":
      return { ...message, start: "tailLines", tailLines: start.lines };
    case "since":
      return { ...message, start: "since", since: writeTimestamp(start.time) };
  }
}

// Responses.

function readExitStatus(status: wire.ExitStatus | null): ExitStatus | null {
  if (status?.outcome === "code") return { code: status.code };
  if (status?.outcome === "signal") return { signal: status.signal };
  return null;
}

function writeExitStatus(status: ExitStatus | null): wire.ExitStatus | null {
  if (status === null) return null;
  return "code" in status
    ? { outcome: "code", code: status.code }
    : { outcome: "signal", signal: status.signal };
}

/** `requestId` is not on the wire: it is `""` on this side. */
export function readJob(job: wire.Job): Job {
  const { jobId, pid, owner, labels, stdoutBytes, stderrBytes, outputCut } = job;
  const status = readEnum(STATUSES, job.status, "status", "internal");
  return {
    jobId,
    command: job.command ?? NO_COMMAND,
    pid,
    owner,
    labels,
    requestId: "",
    startedAt: job.startDate === null ? 0 : readMs(job.startDate, "start_date"),
    stdoutBytes,
    stderrBytes,
    execution: { ...NO_EXECUTION, ...readExecution(job.execution ?? writeExecution({})) },
    containment: readEnum(CONTAINMENTS, job.containment, "containment", "internal"),
    usage: readUsage(job.usage),
    logLimit: readJobLogLimit(job.logLimit),
    logBytes: job.logBytes,
    outputCut,
    end: status === "running" ? null : {
      ...(job.detail !== "" && { detail: job.detail }),
      status,
      reason: readEnum(REASONS, job.reason, "reason", "internal"),
      exitStatus: readExitStatus(job.exitStatus),
      finishedAt: job.finishDate === null ? 0 : readMs(job.finishDate, "finish_date"),
    },
  };
}

export function writeJob(job: Job): wire.Job {
  const { jobId, command, pid, owner, labels, stdoutBytes, stderrBytes, outputCut, end } = job;
  return {
    jobId,
    command,
    status: writeEnum(STATUSES, end?.status ?? "running"),
    pid,
    owner,
    startDate: writeTimestamp(job.startedAt),
    finishDate: end === null ? null : writeTimestamp(end.finishedAt),
    exitStatus: end === null ? null : writeExitStatus(end.exitStatus),
    reason: end === null ? "JOB_REASON_UNSPECIFIED" : writeEnum(REASONS, end.reason),
    stdoutBytes,
    stderrBytes,
    labels,
    outputCut,
    logLimit: writeLogLimit(job.logLimit),
    logBytes: job.logBytes,
    detail: end?.detail ?? "",
    execution: writeExecution(job.execution),
    containment: writeEnum(CONTAINMENTS, job.containment),
    usage: job.usage === null ? null : writeUsage(job.usage),
  };
}

function readJobLogLimit(limit: wire.LogLimit | null): LogLimit {
  return {
    bytes: limit?.bytes ?? 0,
    policy: readEnum(LOG_POLICIES, limit?.policy ?? "", "log_limit.policy", "internal"),
  };
}

export function readPruneJobsResponse(response: wire.PruneJobsResponse): PruneJobsResponse {
  return { ...response, jobs: response.jobs.map(readJob) };
}

export function writePruneJobsResponse(response: PruneJobsResponse): wire.PruneJobsResponse {
  return { ...response, jobs: response.jobs.map(writeJob) };
}

export function readListJobsResponse(response: wire.ListJobsResponse): ListJobsResponse {
  return { ...response, jobs: response.jobs.map(readJob) };
}

export function writeListJobsResponse(response: ListJobsResponse): wire.ListJobsResponse {
  return { ...response, jobs: response.jobs.map(writeJob) };
}

export function readGetOutputResponse(response: wire.GetOutputResponse): GetOutputResponse {
  return { ...response, exitStatus: readExitStatus(response.exitStatus) };
}

export function writeGetOutputResponse(response: GetOutputResponse): wire.GetOutputResponse {
  return {
    ...response,
    stdout: response.stdout as Uint8Array<ArrayBuffer>,
    stderr: response.stderr as Uint8Array<ArrayBuffer>,
    exitStatus: writeExitStatus(response.exitStatus),
  };
}

function readLogRecord({ offset, time, stream, data }: wire.LogRecord): LogRecord {
  return {
    offset,
    time: time === null ? 0 : readMs(time, "time"),
    stream: readEnum(STREAMS, stream, "stream", "internal"),
    data,
  };
}

function writeLogRecord({ offset, time, stream, data }: LogRecord): wire.LogRecord {
  return { offset, time: writeTimestamp(time), stream: writeEnum(STREAMS, stream), data };
}

export function readLogBatch(response: wire.StreamLogsResponse): LogBatch {
  const { records, nextOffset, finishedJob, gap } = response;
  return {
    records: records.map(readLogRecord),
    nextOffset,
    ...(gap !== null && { gap }),
    finishedJob: finishedJob === null ? null : readJob(finishedJob),
  };
}

export function writeLogBatch(batch: LogBatch): wire.StreamLogsResponse {
  const { records, nextOffset, finishedJob } = batch;
  return {
    records: records.map(writeLogRecord),
    nextOffset,
    finishedJob: finishedJob === null ? null : writeJob(finishedJob),
    gap: batch.gap ?? null,
  };
}

export function readWatchedJob({ job }: wire.WatchJobsResponse): Job {
  if (job === null) throw new JobWorkerError("internal", "Missing field in the response: job");
  return readJob(job);
}
