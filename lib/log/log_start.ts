import type { ReadableLog } from "./readable_log.ts";
import type { Segment } from "./segment.ts";
import {
  decodeRecord,
  decodeRecordBefore,
  MAX_RECORD_BYTES,
  RECORD_OVERHEAD_BYTES,
} from "./log_format.ts";
import { readFully } from "../files/read_fully.ts";
import type { LogStart, LogStream, StoredRecord } from "../job/types.ts";

const NEWLINE = 0x0a;

/** How much is read at once when reading backwards; it must hold the largest record. */
const BLOCK_BYTES = 4 * MAX_RECORD_BYTES;

type Turn = () => Promise<void>;

/** Options of {@linkcode findStart}. */
export interface FindStartOptions {
  /** Where the log ends for this reader, in bytes of output: it may grow while it is searched. */
  readonly end?: number;
  /** See `ReadLogOptions`. */
  readonly turn?: Turn;
}

/** The offset at which reading starts. */
export async function findStart(
  log: ReadableLog,
  start: LogStart,
  streams: ReadonlySet<LogStream>,
  options: FindStartOptions = {},
): Promise<number> {
  const { end = log.endOffset, turn = () => Promise.resolve() } = options;
  switch (start.kind) {
    case "offset":
      return start.offset;
    case "tail":
      return await findTail(log, start.lines, streams, { end, turn });
    case "since":
      return await findTime(log, start.time, turn);
  }
}

/**
 * Where the last lines before an offset begin. Reads backwards, and no more than those lines. If the log
 * loses some of them meanwhile, they begin in what is lost, so that the reader is told.
 */
async function findTail(
  log: ReadableLog,
  lines: number,
  streams: ReadonlySet<LogStream>,
  { end, turn }: Required<FindStartOptions>,
): Promise<number> {
  if (lines === 0) return end;
  let found = 0;
  let last = true;
  let begin = end;
  for (const segment of log.segments.filter(({ start }) => start < end).reverse()) {
    using file = await log.openSegment(segment);
    if (file === null) return segment.start;
    for await (const record of recordsBackward(file, segment.size, turn)) {
      const { offset, stream } = record;
      const data = record.data.subarray(0, Math.max(0, end - offset));
      if (!streams.has(stream) || data.byteLength === 0) continue;
      // The line end that closes the last line does not begin another.
      let at = last && data.at(-1) === NEWLINE ? data.byteLength - 1 : data.byteLength;
      last = false;
      while (at > 0 && (at = data.lastIndexOf(NEWLINE, at - 1)) >= 0) {
        if (++found === lines) return offset + at + 1;
      }
      begin = offset;
    }
  }
  return begin;
}

/** The offset of the first record that is not older than a time. */
async function findTime(log: ReadableLog, time: number, turn: Turn): Promise<number> {
  for (const segment of log.segments.toReversed()) {
    const first = await firstRecord(log, segment, turn);
    if (first === null || first.time >= time) continue;
    for await (const record of recordsForward(log, segment, turn)) {
      if (record.time >= time) return record.offset;
    }
    // Everything in this segment is older, so the answer is where the next one begins.
    return log.segments.find(({ start }) => start > segment.start)?.start ?? log.endOffset;
  }
  return log.segments[0]?.start ?? 0;
}

async function firstRecord(
  log: ReadableLog,
  segment: Segment,
  turn: Turn,
): Promise<StoredRecord | null> {
  for await (const record of recordsForward(log, segment, turn)) return record;
  return null;
}

async function* recordsForward(
  log: ReadableLog,
  segment: Segment,
  turn: Turn,
): AsyncGenerator<StoredRecord> {
  using file = await log.openSegment(segment);
  if (file === null) return;
  for (let position = 0; position < segment.size;) {
    const block = await readBlock(file, position, Math.min(segment.size, position + BLOCK_BYTES));
    await turn();
    let inBlock = 0;
    for (;;) {
      const decoded = decodeRecord(block, inBlock);
      if (typeof decoded === "string") break;
      yield decoded.record;
      inBlock += decoded.size;
    }
    if (inBlock === 0) return;
    position += inBlock;
  }
}

/** The records of a file, last one first. */
async function* recordsBackward(
  file: Deno.FsFile,
  size: number,
  turn: Turn,
): AsyncGenerator<StoredRecord> {
  for (let end = size; end >= RECORD_OVERHEAD_BYTES;) {
    const begin = Math.max(0, end - BLOCK_BYTES);
    const block = await readBlock(file, begin, end);
    await turn();
    let inBlock = block.byteLength;
    for (;;) {
      const decoded = decodeRecordBefore(block, inBlock);
      if (typeof decoded === "string") break;
      yield decoded.record;
      inBlock -= decoded.size;
    }
    if (inBlock === block.byteLength) return;
    end = begin + inBlock;
  }
}

async function readBlock(
  file: Deno.FsFile,
  begin: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  await file.seek(begin, Deno.SeekMode.Start);
  const block = new Uint8Array(end - begin);
  return block.subarray(0, await readFully(file, block));
}
