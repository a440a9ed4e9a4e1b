/**
 * Jobs and their output as JSON, the same for every API and the CLI.
 *
 * @module
 */

import { dateText } from "./job_words.ts";
import {
  type ExitStatus,
  type Job,
  type JobEnd,
  type JobReason,
  type JobStatus,
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
  const { jobId, command, pid, owner, startedAt, queuedAt, end, ...more } = job;
  const { requestId: _, liveStatus: __, asOf, ...rest } = more;
  const { status: ___, reason, exitStatus, finishedAt, ...restOfEnd } = end ?? NO_END;
  const { name, args, env, workingDirectory } = command;
  return {
    jobId,
    command: { name, args, env, workingDirectory },
    status: statusOf(job),
    pid,
    owner,
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

function textOf(data: Uint8Array<ArrayBuffer>): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return null;
  }
}
