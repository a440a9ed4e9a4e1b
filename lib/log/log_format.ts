/**
 * The format of a log on disk: records one after the other, in segment files that are named after the
 * offset of their first byte of output.
 *
 * A record is a header of 32 bytes, the bytes as they were read, and a trailer of 4 bytes, so that the
 * record can be found from its end:
 *
 * | at | what | type |
 * |---|---|---|
 * | 0 | magic, 0xa7 | u8 |
 * | 1 | stream: 1 stdout, 2 stderr | u8 |
 * | 2 | zero | u16 |
 * | 4 | length of the data | u32 |
 * | 8 | time, ms since the Unix epoch | f64 |
 * | 16 | bytes of stdout before this record | f64 |
 * | 24 | bytes of stderr before this record | f64 |
 * | 32 | data | |
 * | 32 + length | length of the whole record | u32 |
 *
 * All numbers are little endian. Any single record tells how much was printed before it.
 *
 * @module
 */

import type { LogStream, StoredRecord } from "../job/types.ts";

const MAGIC = 0xa7;
const HEADER_BYTES = 32;
const TRAILER_BYTES = 4;

/** How many bytes a record takes on disk in addition to its data. */
export const RECORD_OVERHEAD_BYTES = HEADER_BYTES + TRAILER_BYTES;

/** The most data that one record holds: what one read from a pipe returns. */
export const MAX_RECORD_DATA_BYTES = 64 * 1024;

/** Where the data of a record begins in it. */
export const RECORD_DATA_AT = HEADER_BYTES;

/** The most that one record takes on disk. */
export const MAX_RECORD_BYTES = MAX_RECORD_DATA_BYTES + RECORD_OVERHEAD_BYTES;

const STREAM_TAGS = { stdout: 1, stderr: 2 } as const;

/** How much of each stream has been printed. */
export interface StreamCounts {
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

/**
 * Writes a record into a buffer, in which its data may already be, at {@linkcode RECORD_DATA_AT}.
 *
 * @param before what was printed before it; its `offset` must be the sum
 * @returns how many bytes it takes
 */
export function encodeRecord(record: StoredRecord, before: StreamCounts, into: Uint8Array): number {
  const { data } = record;
  const size = data.byteLength + RECORD_OVERHEAD_BYTES;
  const view = new DataView(into.buffer, into.byteOffset, size);
  view.setUint8(0, MAGIC);
  view.setUint8(1, STREAM_TAGS[record.stream]);
  view.setUint16(2, 0);
  view.setUint32(4, data.byteLength, true);
  view.setFloat64(8, record.time, true);
  view.setFloat64(16, before.stdoutBytes, true);
  view.setFloat64(24, before.stderrBytes, true);
  const isThere = data.buffer === into.buffer &&
    data.byteOffset === into.byteOffset + RECORD_DATA_AT;
  if (!isThere) into.set(data, RECORD_DATA_AT);
  view.setUint32(HEADER_BYTES + data.byteLength, size, true);
  return size;
}

/** A record and the bytes that it takes on disk. */
export interface DecodedRecord {
  readonly record: StoredRecord;
  readonly size: number;
  /** What had been printed once this was. */
  readonly after: StreamCounts;
}

/**
 * Reads the record that begins at a position of a buffer. Its data is a view, not a copy.
 *
 * @returns `"incomplete"` if the buffer ends before the record does, `"invalid"` if none begins there
 */
export function decodeRecord(
  buffer: Uint8Array<ArrayBuffer>,
  position: number,
): DecodedRecord | "incomplete" | "invalid" {
  const rest = buffer.byteLength - position;
  if (rest < HEADER_BYTES) return "incomplete";
  const view = new DataView(buffer.buffer, buffer.byteOffset + position, rest);
  const stream = streamOf(view.getUint8(1));
  const length = view.getUint32(4, true);
  if (view.getUint8(0) !== MAGIC || stream === null || length > MAX_RECORD_DATA_BYTES) {
    return "invalid";
  }
  const size = length + RECORD_OVERHEAD_BYTES;
  if (rest < size) return "incomplete";
  if (view.getUint32(size - TRAILER_BYTES, true) !== size) return "invalid";
  const data = buffer.subarray(position + HEADER_BYTES, position + HEADER_BYTES + length);
  const time = view.getFloat64(8, true);
  const stdoutBytes = view.getFloat64(16, true);
  const stderrBytes = view.getFloat64(24, true);
  const after = stream === "stdout"
    ? { stdoutBytes: stdoutBytes + length, stderrBytes }
    : { stdoutBytes, stderrBytes: stderrBytes + length };
  return { record: { offset: stdoutBytes + stderrBytes, time, stream, data }, size, after };
}

/**
 * Reads the record that ends at a position of a buffer.
 *
 * @returns `"incomplete"` if it begins before the buffer does, `"invalid"` if none ends there
 */
export function decodeRecordBefore(
  buffer: Uint8Array<ArrayBuffer>,
  end: number,
): DecodedRecord | "incomplete" | "invalid" {
  if (end < TRAILER_BYTES) return "incomplete";
  const view = new DataView(buffer.buffer, buffer.byteOffset, end);
  const size = view.getUint32(end - TRAILER_BYTES, true);
  if (size < RECORD_OVERHEAD_BYTES || size > MAX_RECORD_BYTES) return "invalid";
  if (size > end) return "incomplete";
  return decodeRecord(buffer, end - size);
}

function streamOf(tag: number): LogStream | null {
  return tag === STREAM_TAGS.stdout ? "stdout" : tag === STREAM_TAGS.stderr ? "stderr" : null;
}
