import type {
  GetLogsRequest,
  ListJobsRequest,
  PruneJobsRequest,
  StartJobRequest,
  StopJobRequest,
  StreamLogsRequest,
  UpdateJobRequest,
} from "../service/job_service.ts";
import type { JobFilter, LogStart, LogStream } from "../job/types.ts";
import type * as wire from "./gen/jobworker.ts";
import { IF_HOST_LOST, STATUSES, STREAMS } from "./wire_enums.ts";
import {
  NO_COMMAND,
  readExecution,
  readInteger,
  readLogLimit,
  readMs,
  writeDuration,
  writeEndOffset,
  writeExecution,
  writeLogLimit,
  writeTimestamp,
} from "./wire_values.ts";

export function readStartJobRequest(request: wire.StartJobRequest): StartJobRequest {
  const { command, labels, name, requestId, notify, on, priority, ifHostLost } = request;
  const logLimit = request.logLimit === null ? null : readLogLimit(request.logLimit);
  return {
    command: command ?? NO_COMMAND,
    labels,
    ...(name !== "" && { name }),
    requestId,
    ...(logLimit !== null && { logLimit }),
    ...(request.execution !== null && { execution: readExecution(request.execution) }),
    ...(request._queue !== undefined && { queue: request.queue }),
    ...(notify !== "" && { notify }),
    ...(on !== null && { on }),
    ...(priority !== 0 && { priority }),
    ...(ifHostLost !== "IF_HOST_LOST_UNSPECIFIED" && {
      ifHostLost: IF_HOST_LOST.readRequested(ifHostLost, "if_host_lost"),
    }),
  };
}

export function writeStartJobRequest(request: StartJobRequest): wire.StartJobRequest {
  const { logLimit, execution, queue, on = null, priority = 0, ifHostLost, ...more } = request;
  const { name = "", notify = "", ...rest } = more;
  // Written like this, the compiler sees that it is either complete or absent.
  const mayWait = queue === undefined ? {} : { _queue: "queue", queue } as const;
  return {
    ...rest,
    name,
    logLimit: logLimit === undefined ? null : writeLogLimit(logLimit),
    execution: execution === undefined ? null : writeExecution(execution),
    ...mayWait,
    notify,
    on,
    priority,
    ifHostLost: ifHostLost === undefined
      ? "IF_HOST_LOST_UNSPECIFIED"
      : IF_HOST_LOST.write(ifHostLost),
  };
}

export function readUpdateJobRequest(request: wire.UpdateJobRequest): UpdateJobRequest {
  const { jobId, timeout } = request;
  return { jobId, timeoutMs: timeout === null ? 0 : readMs(timeout, "timeout") };
}

export function writeUpdateJobRequest(request: UpdateJobRequest): wire.UpdateJobRequest {
  const { jobId, timeoutMs } = request;
  return { jobId, timeout: writeDuration(timeoutMs) };
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
  // Written like this, the compiler sees that each is either complete or absent.
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

/** An empty field on the wire matches every job, so the member is left out. */
export function readJobFilter(filter: wire.JobFilter | null): JobFilter {
  if (filter === null) return {};
  const { owner, labels, jobIdPrefix, jobIdSuffix, name, startedAfter, startedBefore, host } =
    filter;
  const statuses = filter.statuses.map((status) =>
    STATUSES.readRequested(status, "filter.statuses")
  );
  return {
    ...(statuses.length > 0 && { statuses }),
    ...(owner !== "" && { owner }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(jobIdPrefix !== "" && { jobIdPrefix }),
    ...(jobIdSuffix !== "" && { jobIdSuffix }),
    ...(name !== "" && { name }),
    ...(startedAfter !== null &&
      { startedAfter: readMs(startedAfter, "filter.started_after") }),
    ...(startedBefore !== null &&
      { startedBefore: readMs(startedBefore, "filter.started_before") }),
    ...(host !== "" && { host }),
  };
}

export function writeJobFilter(filter: JobFilter): wire.JobFilter {
  const { statuses = [], owner = "", labels = {}, jobIdPrefix = "", name = "" } = filter;
  const { startedAfter, startedBefore, host = "", jobIdSuffix = "" } = filter;
  return {
    statuses: statuses.map((status) => STATUSES.write(status)),
    owner,
    labels,
    jobIdPrefix,
    jobIdSuffix,
    name,
    startedAfter: startedAfter === undefined ? null : writeTimestamp(startedAfter),
    startedBefore: startedBefore === undefined ? null : writeTimestamp(startedBefore),
    host,
  };
}

export function readListJobsRequest(request: wire.ListJobsRequest): ListJobsRequest {
  const { own, counts, ...rest } = request;
  const flags = { ...(own && { own }), ...(counts && { counts }) };
  return { ...rest, filter: readJobFilter(request.filter), ...flags };
}

export function writeListJobsRequest(request: ListJobsRequest): wire.ListJobsRequest {
  const { own = false, counts = false } = request;
  return { ...request, filter: writeJobFilter(request.filter), own, counts };
}

function readStreams(streams: wire.GetLogsRequest["streams"]): LogStream[] {
  return streams.map((stream) => STREAMS.readRequested(stream, "streams"));
}

function writeStreams(streams: readonly LogStream[]): wire.GetLogsRequest["streams"] {
  return streams.map((stream) => STREAMS.write(stream));
}

export function readGetLogsRequest(request: wire.GetLogsRequest): GetLogsRequest {
  const { jobId, maxBytes } = request;
  const offset = readInteger(request.offset, "offset");
  const streams = readStreams(request.streams);
  return { jobId, streams, offset, ...readEndOffset(request), maxBytes };
}

export function writeGetLogsRequest(request: GetLogsRequest): wire.GetLogsRequest {
  const { jobId, offset, endOffset, maxBytes } = request;
  const streams = writeStreams(request.streams);
  return { jobId, streams, offset, maxBytes, ...writeEndOffset(endOffset) };
}

export function readStreamLogsRequest(request: wire.StreamLogsRequest): StreamLogsRequest {
  const { jobId, follow, batchBytes } = request;
  const streams = readStreams(request.streams);
  return {
    jobId,
    streams,
    follow,
    start: readLogStart(request),
    ...readEndOffset(request),
    ...(batchBytes !== 0 && { batchBytes }),
  };
}

function readEndOffset(
  request: wire.GetLogsRequest | wire.StreamLogsRequest,
): { endOffset?: number } {
  if (request._endOffset === undefined) return {};
  return { endOffset: readInteger(request.endOffset, "end_offset") };
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
  const { jobId, follow, start, batchBytes = 0 } = request;
  const streams = writeStreams(request.streams);
  const message = { jobId, follow, streams, batchBytes, ...writeEndOffset(request.endOffset) };
  switch (start.kind) {
    case "offset":
      return { ...message, start: "offset", offset: start.offset };
    case "tail":
      return { ...message, start: "tailLines", tailLines: start.lines };
    case "since":
      return { ...message, start: "since", since: writeTimestamp(start.time) };
  }
}
