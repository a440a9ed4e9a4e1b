import { JobWorkerError } from "../errors.ts";
import type {
  GetLogsResponse,
  ListJobsResponse,
  PruneJobsResponse,
} from "../service/job_service.ts";
import type { Job, LogBatch, LogRecord, Notification } from "../job/types.ts";
import type * as wire from "./gen/jobworker.ts";
import {
  CONTAINMENTS,
  LOG_POLICIES,
  NOTIFICATION_STATES,
  REASONS,
  STATUSES,
  STREAMS,
} from "./wire_enums.ts";
import {
  NO_COMMAND,
  NO_EXECUTION,
  readExecution,
  readExitStatus,
  readMs,
  readUsage,
  writeEndOffset,
  writeExecution,
  writeExitStatus,
  writeLogLimit,
  writeTimestamp,
  writeUsage,
} from "./wire_values.ts";

/** `requestId` is not on the wire, so it is `""` here. */
export function readJob(job: wire.Job): Job {
  const { jobId, pid, owner, name, labels, stdoutBytes, stderrBytes, outputTruncated } = job;
  return {
    jobId,
    command: job.command ?? NO_COMMAND,
    pid,
    owner,
    name,
    labels,
    requestId: "",
    queuedAt: readDate(job.queueDate, "queue_date"),
    queue: job.queue,
    startedAt: readDate(job.startDate, "start_date"),
    stdoutBytes,
    stderrBytes,
    execution: { ...NO_EXECUTION, ...readExecution(job.execution ?? writeExecution({})) },
    containment: CONTAINMENTS.read(job.containment),
    usage: readUsage(job.usage),
    logLimit: readJobLogLimit(job.logLimit),
    logBytes: job.logBytes,
    outputTruncated,
    ...readState(job),
    ...(job.host !== "" && { host: job.host }),
    ...(job.on !== null && { on: job.on }),
    ...(job.asOf !== null && { asOf: readMs(job.asOf, "as_of") }),
    ...(job.notify !== null && { notify: readNotification(job.notify) }),
  };
}

export function writeJob(job: Job): wire.Job {
  const { jobId, command, pid, owner, name, labels, stdoutBytes, stderrBytes, ...more } = job;
  const { outputTruncated, end } = more;
  return {
    jobId,
    command,
    status: STATUSES.write(end?.status ?? job.liveStatus),
    pid,
    owner,
    name,
    startDate: writeDate(job.startedAt),
    finishDate: writeDate(end?.finishedAt ?? null),
    exitStatus: end === null ? null : writeExitStatus(end.exitStatus),
    reason: end === null ? "JOB_REASON_UNSPECIFIED" : REASONS.write(end.reason),
    stdoutBytes,
    stderrBytes,
    labels,
    outputTruncated,
    logLimit: writeLogLimit(job.logLimit),
    logBytes: job.logBytes,
    detail: end?.detail ?? "",
    execution: writeExecution(job.execution),
    containment: CONTAINMENTS.write(job.containment),
    usage: job.usage === null ? null : writeUsage(job.usage),
    queueDate: writeDate(job.queuedAt),
    queue: job.queue,
    host: job.host ?? "",
    on: job.on ?? null,
    asOf: writeDate(job.asOf ?? null),
    notify: job.notify === undefined ? null : writeNotification(job.notify),
  };
}

function readNotification({ url, state }: wire.Notification): Notification {
  return { url, state: NOTIFICATION_STATES.read(state) };
}

function writeNotification({ url, state }: Notification): wire.Notification {
  return { url, state: NOTIFICATION_STATES.write(state) };
}

function readDate(date: wire.Timestamp | null, field: string): number | null {
  return date === null ? null : readMs(date, field);
}

function writeDate(time: number | null): wire.Timestamp | null {
  return time === null ? null : writeTimestamp(time);
}

/** An unknown status does not tell whether the job has ended, but its finish date does. */
function readState(job: wire.Job): Pick<Job, "liveStatus" | "end"> {
  const status = STATUSES.read(job.status);
  const isLive = status === "queued" || status === "running";
  if (isLive || (status === "unknown" && job.finishDate === null)) {
    return { liveStatus: status, end: null };
  }
  return {
    liveStatus: "running",
    end: {
      ...(job.detail !== "" && { detail: job.detail }),
      status,
      reason: REASONS.read(job.reason),
      exitStatus: readExitStatus(job.exitStatus),
      finishedAt: readDate(job.finishDate, "finish_date") ?? 0,
    },
  };
}

function readJobLogLimit(limit: wire.LogLimit | null): Job["logLimit"] {
  return {
    bytes: limit?.bytes ?? 0,
    policy: LOG_POLICIES.read(limit?.policy ?? ""),
  };
}

export function readPruneJobsResponse(response: wire.PruneJobsResponse): PruneJobsResponse {
  return { ...response, jobs: response.jobs.map(readJob) };
}

export function writePruneJobsResponse(response: PruneJobsResponse): wire.PruneJobsResponse {
  return { ...response, jobs: response.jobs.map(writeJob) };
}

export function readListJobsResponse(response: wire.ListJobsResponse): ListJobsResponse {
  const { counts, ...rest } = response;
  return { ...rest, jobs: response.jobs.map(readJob), ...(counts !== null && { counts }) };
}

export function writeListJobsResponse(response: ListJobsResponse): wire.ListJobsResponse {
  return { ...response, jobs: response.jobs.map(writeJob), counts: response.counts ?? null };
}

export function readGetLogsResponse(response: wire.GetLogsResponse): GetLogsResponse {
  const { gap, exitStatus, ...rest } = response;
  return { ...rest, ...(gap !== null && { gap }), exitStatus: readExitStatus(exitStatus) };
}

export function writeGetLogsResponse(response: GetLogsResponse): wire.GetLogsResponse {
  return {
    ...response,
    exitStatus: writeExitStatus(response.exitStatus),
    gap: response.gap ?? null,
  };
}

function readLogRecord({ offset, time, stream, data }: wire.LogRecord): LogRecord {
  return {
    offset,
    time: time === null ? 0 : readMs(time, "time"),
    stream: STREAMS.read(stream),
    data,
  };
}

function writeLogRecord({ offset, time, stream, data }: LogRecord): wire.LogRecord {
  return { offset, time: writeTimestamp(time), stream: STREAMS.write(stream), data };
}

export function readLogBatch(response: wire.StreamLogsResponse): LogBatch {
  const { records, nextOffset, finishedJob, gap } = response;
  return {
    records: records.map(readLogRecord),
    nextOffset,
    ...(response._endOffset !== undefined && { endOffset: response.endOffset }),
    ...(gap !== null && { gap }),
    finishedJob: finishedJob === null ? null : readJob(finishedJob),
  };
}

export function writeLogBatch(batch: LogBatch): wire.StreamLogsResponse {
  return { ...writeLogBatchRest(batch), records: batch.records.map(writeLogRecord) };
}

/** The same without the records, see `packed_records.ts`. */
export function writeLogBatchRest(
  { nextOffset, finishedJob, gap, endOffset }: Omit<LogBatch, "records" | "packed">,
): wire.StreamLogsResponse {
  return {
    records: [],
    nextOffset,
    finishedJob: finishedJob === null ? null : writeJob(finishedJob),
    gap: gap ?? null,
    ...writeEndOffset(endOffset),
  };
}

export function readWatchedJob({ job }: wire.WatchJobsResponse): Job {
  if (job === null) throw new JobWorkerError("internal", "Missing field in the response: job");
  return readJob(job);
}
