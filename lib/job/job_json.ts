/**
 * Jobs and their output as JSON, the same for every API and the CLI.
 *
 * @module
 */

import { known } from "./decode_job.ts";
import { dateText } from "./job_words.ts";
import {
  END_STATUSES,
  type ExitStatus,
  type Job,
  type JobEnd,
  type JobReason,
  type JobStatus,
  LIVE_STATUSES,
  type LogRecord,
  statusOf,
  type Unknown,
} from "./types.ts";

/** Has every field of a {@linkcode Job} and of its end, including those that will be added, except these. */
export type JobJson =
  & Omit<Job, "startedAt" | "queuedAt" | "end" | "requestId" | "liveStatus" | "asOf">
  & Omit<JobEnd, "status" | "finishedAt" | "exitStatus" | "reason">
  & {
    readonly status: JobStatus | Unknown;
    /** RFC 3339, in UTC. */
    readonly queueDate: string | null;
    readonly startDate: string | null;
    readonly finishDate: string | null;
    readonly exitStatus: ExitStatus | null;
    readonly reason: JobReason | Unknown | null;
    /** When its host was last heard, if that is out of reach; RFC 3339. */
    readonly asOf?: string;
  };

/** The end of a job that has not ended. */
const NO_END = { status: null, reason: null, exitStatus: null, finishedAt: null };

export function jobJson(job: Job): JobJson {
  const { jobId, command, pid, owner, name: jobName, startedAt, queuedAt, end, ...more } = job;
  const { requestId: _, liveStatus: __, asOf, ...rest } = more;
  const { status: ___, reason, exitStatus, finishedAt, ...restOfEnd } = end ?? NO_END;
  const { name, args, env, workingDirectory } = command;
  return {
    jobId,
    command: { name, args, env, workingDirectory },
    status: statusOf(job),
    pid,
    owner,
    name: jobName,
    queueDate: dateOrNull(queuedAt),
    startDate: dateOrNull(startedAt),
    finishDate: dateOrNull(finishedAt),
    exitStatus,
    reason,
    ...rest,
    ...restOfEnd,
    ...(asOf !== undefined && { asOf: dateText(asOf) }),
  };
}

/** The job that JSON tells of. The id of its request, of which only its owner knows, is empty. */
export function jobOfJson(json: JobJson): Job {
  const { status, queueDate, startDate, finishDate, exitStatus, reason, detail, asOf, ...rest } =
    json;
  return {
    ...rest,
    requestId: "",
    queuedAt: timeOrNull(queueDate),
    startedAt: timeOrNull(startDate),
    liveStatus: reason === null ? known(LIVE_STATUSES, status) : "running",
    end: reason === null ? null : {
      status: known(END_STATUSES, status),
      reason,
      exitStatus,
      finishedAt: timeOrNull(finishDate) ?? 0,
      ...(detail !== undefined && { detail }),
    },
    ...(asOf !== undefined && { asOf: Date.parse(asOf) }),
  };
}

function timeOrNull(date: string | null): number | null {
  return date === null ? null : Date.parse(date);
}

function dateOrNull(time: number | null): string | null {
  return time === null ? null : dateText(time);
}

/** A record of a log. */
export interface RecordJson {
  readonly offset: number;
  readonly time: string;
  readonly stream: LogRecord["stream"];
  /** Base64. */
  readonly data: string;
  /** The same as text, if it is UTF-8. */
  readonly text?: string;
}

export function recordJson({ offset, time, stream, data }: LogRecord): RecordJson {
  const text = textOf(data);
  return {
    offset,
    time: dateText(time),
    stream,
    data: data.toBase64(),
    ...(text !== null && { text }),
  };
}

export function recordOfJson({ offset, time, stream, data }: RecordJson): LogRecord {
  return { offset, time: Date.parse(time), stream, data: Uint8Array.fromBase64(data) };
}

function textOf(data: Uint8Array<ArrayBuffer>): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return null;
  }
}
