/**
 * How the client of REST writes what it asks for into queries, and reads what comes as events.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import { readAuditGap, readAuditRecord } from "../job/audit_record.ts";
import { jobOfJson, recordOfJson } from "../job/job_json.ts";
import { dateText } from "../job/job_words.ts";
import type { Job, JobFilter, LogBatch, LogStream } from "../job/types.ts";
import type { AuditBatch, StreamAuditRequest, StreamLogsRequest } from "../service/job_service.ts";
import { readAnswer, type RestRequest } from "./connection.ts";
import type { ServerEvent } from "./event_stream.ts";
import * as schemas from "./schemas.ts";

type Query = NonNullable<RestRequest["query"]>;

export function filterQuery(filter: JobFilter): Query {
  const {
    statuses,
    owner,
    labels,
    jobIdPrefix,
    jobIdSuffix,
    name,
    startedAfter,
    startedBefore,
    host,
  } = filter;
  return {
    status: statuses,
    owner,
    label: labelPairs(labels),
    jobIdPrefix,
    jobIdSuffix,
    name,
    startedAfter: dateOf(startedAfter),
    startedBefore: dateOf(startedBefore),
    host,
  };
}

export function labelPairs(labels: Readonly<Record<string, string>> = {}): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}

function dateOf(time: number | undefined): string | undefined {
  return time === undefined ? undefined : dateText(time);
}

/** The streams, as a query names them. */
export function streamText(streams: readonly LogStream[]): string {
  const [one, ...others] = streams;
  return one === undefined || others.some((other) => other !== one) ? "both" : one;
}

export function logQuery({ streams, follow, start, endOffset }: StreamLogsRequest): Query {
  return {
    stream: streamText(streams),
    ...(follow && { follow: 1 }),
    ...(start.kind === "offset" && { offset: start.offset }),
    ...(start.kind === "tail" && { tail: start.lines }),
    ...(start.kind === "since" && { since: dateText(start.time) }),
    end: endOffset,
  };
}

export function auditQuery(request: StreamAuditRequest): Query {
  const { user, jobIdPrefix, method, deniedOnly, since, follow } = request;
  return {
    ...{ user, jobIdPrefix, method },
    ...(deniedOnly && { denied: 1 }),
    since: dateOf(since),
    ...(follow && { follow: 1 }),
  };
}

/** A batch of a log as an event tells it, see `lib/rest/log_answer.ts`. */
export function logBatchOf({ id, type, data }: ServerEvent): LogBatch {
  const [, next, end] = /^(\d+)(?:-(\d+))?$/.exec(id) ?? [];
  if (next === undefined) throw notUnderstood("an event of a log has no offset");
  const place = {
    nextOffset: Number(next),
    ...(end !== undefined && { endOffset: Number(end) }),
  };
  // An id without data only tells how far the log has been read.
  if (data.length === 0) return { records: [], ...place, finishedJob: null };
  const value = valueOf(data);
  switch (type) {
    case "end":
      return { records: [], ...place, finishedJob: readJob(value) };
    case "gap":
      return { records: [], ...place, ...readAnswer(schemas.logGap, value), finishedJob: null };
    default: {
      const record = recordOfJson(readAnswer(schemas.logRecord, value));
      return { records: [record], ...place, finishedJob: null };
    }
  }
}

/** The job that an event of a watch tells of. */
export function jobOf({ data }: ServerEvent): Job {
  return readJob(valueOf(data));
}

function readJob(value: unknown): Job {
  return jobOfJson(readAnswer(schemas.job, value));
}

/** A batch of the audit trail as an event tells it: a gap, if there is one, and then records. */
export function auditBatchOf({ id, data }: ServerEvent): AuditBatch {
  const [first = ""] = data;
  const gap = readAuditGap(first);
  const lines = gap === null ? data : data.slice(1);
  const records = lines.map((line) => {
    const record = readAuditRecord(line);
    if (record === null) throw notUnderstood("a line of the audit trail is none");
    return record;
  });
  return { records, position: id, ...(gap !== null && { gap }) };
}

function valueOf(data: readonly string[]): unknown {
  try {
    return JSON.parse(data.join("\n"));
  } catch {
    throw notUnderstood("an event is not JSON");
  }
}

function notUnderstood(why: string): JobWorkerError {
  return new JobWorkerError("internal", `Cannot understand the answer of the daemon: ${why}`);
}
