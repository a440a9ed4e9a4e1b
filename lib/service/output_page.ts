import { JobWorkerError } from "../errors.ts";
import { Buffer } from "node:buffer";
import type { ExitStatus, LogBatch, LogGap, LogStream } from "../job/types.ts";
import type { GetLogsResponse } from "./job_service.ts";

/** Which page of a log to gather. */
export interface OutputPageOptions {
  /** The offset at which the page begins. */
  readonly offset: number;
  /** The most bytes of both streams together; at least 1. */
  readonly maxBytes: number;
}

/**
 * Gathers one page from a log.
 *
 * A gap is reported where it is: a page has at most one, before its first byte, and ends before the next one.
 * It also ends before what cannot be read, and the next page then fails with that error.
 *
 * @param batches the log from the offset on; no more is read of it than the page holds
 */
export async function outputPage(
  batches: AsyncIterable<LogBatch<LogStream>>,
  options: OutputPageOptions,
): Promise<GetLogsResponse> {
  const { offset } = options;
  const parts: Record<LogStream, Uint8Array[]> = { stdout: [], stderr: [] };
  let room = options.maxBytes;
  let nextOffset = offset;
  let endOffset = offset;
  let gap: LogGap | undefined;
  let exitStatus: ExitStatus | null = null;
  const page = (end: boolean): GetLogsResponse => ({
    ...(gap && { gap }),
    stdout: Buffer.concat(parts.stdout),
    stderr: Buffer.concat(parts.stderr),
    nextOffset,
    endOffset,
    end,
    exitStatus,
  });
  try {
    for await (const batch of batches) {
      endOffset = batch.endOffset ?? endOffset;
      if (batch.gap !== undefined) {
        if (nextOffset > offset) return page(false);
        gap = batch.gap;
      }
      for (const record of batch.records) {
        const data = record.data.subarray(0, room);
        parts[record.stream].push(data);
        room -= data.byteLength;
        nextOffset = record.offset + data.byteLength;
        if (room === 0) return page(false);
      }
      nextOffset = batch.nextOffset;
      exitStatus = batch.finishedJob?.end?.exitStatus ?? null;
    }
  } catch (error) {
    const isLoss = error instanceof JobWorkerError && error.code === "data_loss";
    if (!isLoss || nextOffset === offset) throw error;
    return page(false);
  }
  return page(true);
}
