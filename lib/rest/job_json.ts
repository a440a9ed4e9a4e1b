import type { z } from "../zod.ts";
import type { Job, LogBatch, LogRecord } from "../service/job_service.ts";
import { statusOf } from "../job/types.ts";
import type * as schemas from "./schemas.ts";

/** A job as it goes over the wire. */
export function jobJson(job: Job): z.input<typeof schemas.job> {
  const { jobId, pid, owner, labels, stdoutBytes, stderrBytes, logBytes, outputCut, end } = job;
  const { execution, containment, usage, logLimit } = job;
  const { name, args, env, workingDirectory } = job.command;
  return {
    jobId,
    command: { name, args: [...args], env, workingDirectory },
    status: statusOf(job),
    pid,
    owner,
    startDate: dateOf(job.startedAt),
    finishDate: end === null ? null : dateOf(end.finishedAt),
    exitStatus: end?.exitStatus ?? null,
    reason: end?.reason ?? null,
    stdoutBytes,
    stderrBytes,
    execution,
    containment,
    usage,
    logLimit,
    logBytes,
    labels,
    outputCut,
    ...(end?.detail !== undefined && { detail: end.detail }),
  };
}

/** A line of a log: a record, or what is missing before the records of its batch. */
export type LogLine = z.input<typeof schemas.logRecord> | z.input<typeof schemas.logGap>;

/** The lines of a batch, each with the offset to go on from behind it. */
export function* logLines({ records, gap }: LogBatch): Generator<[LogLine, number]> {
  if (gap !== undefined) yield [{ gap: { ...gap } }, gap.to];
  for (const record of records) {
    yield [recordJson(record), record.offset + record.data.byteLength];
  }
}

function recordJson({ offset, time, stream, data }: LogRecord): z.input<typeof schemas.logRecord> {
  const text = textOf(data);
  return {
    offset,
    time: dateOf(time),
    stream,
    data: data.toBase64(),
    ...(text !== null && { text }),
  };
}

function dateOf(time: number): string {
  return new Date(time).toISOString();
}

function textOf(data: Uint8Array<ArrayBuffer>): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return null;
  }
}
