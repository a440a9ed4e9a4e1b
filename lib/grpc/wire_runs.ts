import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import type {
  RunEvent,
  RunJobsRequest,
  RunJobsResponse,
  StopJobsRequest,
  StopJobsResponse,
} from "../service/job_service.ts";
import type * as wire from "./gen/jobworker.ts";
import { RUN_FAILURES } from "./wire_enums.ts";
import { readJob, readLogBatch, writeJob, writeLogBatch } from "./wire_responses.ts";
import {
  NO_COMMAND,
  readExecution,
  readInteger,
  readLogLimit,
  readMs,
  writeDuration,
  writeExecution,
  writeLogLimit,
} from "./wire_values.ts";

export function readRunJobsRequest(request: wire.RunJobsRequest): RunJobsRequest {
  const { command, labels, logLimit, execution, queue, targets } = request;
  return {
    command: command ?? NO_COMMAND,
    labels,
    ...(logLimit !== null && { logLimit: readLogLimit(logLimit) }),
    ...(execution !== null && { execution: readExecution(execution) }),
    queue,
    targets: targets.map(({ offset, ...target }) => ({
      ...target,
      offset: readInteger(offset, "targets"),
    })),
  };
}

export function writeRunJobsRequest(request: RunJobsRequest): wire.RunJobsRequest {
  const { logLimit, execution, queue = false, targets } = request;
  return {
    ...request,
    logLimit: logLimit === undefined ? null : writeLogLimit(logLimit),
    execution: execution === undefined ? null : writeExecution(execution),
    queue,
    targets: [...targets],
  };
}

export function readRunJobsResponse({ events }: wire.RunJobsResponse): RunJobsResponse {
  return { events: events.map(readRunEvent) };
}

export function writeRunJobsResponse({ events }: RunJobsResponse): wire.RunJobsResponse {
  return { events: events.map(writeRunEvent) };
}

function readRunEvent({ host, job, log, failure }: wire.RunEvent): RunEvent {
  return {
    host,
    ...(job !== null && { job: readJob(job) }),
    ...(log !== null && { log: readLogBatch(log) }),
    ...(failure !== null && {
      failure: { kind: RUN_FAILURES.read(failure.kind), message: failure.message },
    }),
  };
}

function writeRunEvent({ host, job, log, failure }: RunEvent): wire.RunEvent {
  return {
    host,
    job: job === undefined ? null : writeJob(job),
    log: log === undefined ? null : writeLogBatch(log),
    failure: failure === undefined
      ? null
      : { kind: RUN_FAILURES.write(failure.kind), message: failure.message },
  };
}

export function readStopJobsRequest(request: wire.StopJobsRequest): StopJobsRequest {
  const { jobIds, stopSignal, gracePeriod } = request;
  const gracePeriodMs = gracePeriod === null ? null : readMs(gracePeriod, "grace_period");
  return { jobIds, stopSignal, gracePeriodMs };
}

export function writeStopJobsRequest(request: StopJobsRequest): wire.StopJobsRequest {
  const { jobIds, stopSignal, gracePeriodMs } = request;
  const gracePeriod = gracePeriodMs === null ? null : writeDuration(gracePeriodMs);
  return { jobIds: [...jobIds], stopSignal, gracePeriod };
}

export function readStopJobsResponse({ failures }: wire.StopJobsResponse): StopJobsResponse {
  return { failures: failures.map((failure) => ({ ...failure, code: codeOf(failure.code) })) };
}

export function writeStopJobsResponse({ failures }: StopJobsResponse): wire.StopJobsResponse {
  return { failures: [...failures] };
}

/** A newer daemon may know codes that we do not. */
function codeOf(word: string): ErrorCode {
  return Object.hasOwn(ERROR_CODES, word) ? word as ErrorCode : "internal";
}
