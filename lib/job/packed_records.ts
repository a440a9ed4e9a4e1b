/**
 * Records of a log in the form in which clients get them: the bytes of `repeated LogRecord records` of a
 * `StreamLogsResponse`, see the contract. Whoever reads a log from the disk packs its records once. The processes
 * that pass them on, engine and gateway, need not look inside.
 *
 * @module
 */

import {
  LOG_STREAMS,
  type LogBatch,
  type LogRecord,
  type LogStream,
  type Unknown,
} from "./types.ts";

/** The fields of the messages, each with the type of its value. */
const RECORDS = 1 << 3 | 2;
const OFFSET = 1 << 3;
const TIME = 2 << 3 | 2;
const STREAM = 3 << 3;
const DATA = 4 << 3 | 2;
const SECONDS = 1 << 3;
const NANOS = 2 << 3;

/** `LogStream` of the contract, from 1 on. */
const STREAM_NUMBERS: Readonly<Record<LogStream | Unknown, number>> = {
  stdout: 1,
  stderr: 2,
  unknown: 0,
};

/** What comes before the data of a record is no longer than this. */
export const MAX_PACKED_HEADER_BYTES = 36;

/** The tag and the length of a record, which are written last, end here in the buffer. */
const FIELDS_AT = 6;
const scratch = new Uint8Array(MAX_PACKED_HEADER_BYTES + FIELDS_AT);

/** What comes before the data of a record. The bytes are good until the next call. */
export function packedHeader(record: Omit<LogRecord, "data">, dataBytes: number): Uint8Array {
  const time = Math.max(0, record.time);
  const seconds = Math.floor(time / 1000);
  let at = writeField(OFFSET, record.offset, FIELDS_AT);
  scratch[at] = TIME;
  const timeEnd = writeField(
    NANOS,
    Math.round((time - seconds * 1000) * 1e6),
    writeField(SECONDS, seconds, at + 2),
  );
  scratch[at + 1] = timeEnd - at - 2;
  at = writeField(STREAM, STREAM_NUMBERS[record.stream], timeEnd);
  const end = writeField(DATA, dataBytes, at);
  const size = end - FIELDS_AT + dataBytes;
  const begin = FIELDS_AT - 1 - varintBytes(size);
  writeField(RECORDS, size, begin);
  return scratch.subarray(begin, end);
}

/** Writes a tag, and a number or a length. */
function writeField(tag: number, value: number, at: number): number {
  scratch[at++] = tag;
  // Offsets have more than the 32 bits that operators on bits take.
  for (; value >= 0x80; value = Math.floor(value / 0x80)) scratch[at++] = value % 0x80 | 0x80;
  scratch[at++] = value;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes++;
  return bytes;
}

/** The packed records of a batch, in one piece if they are at hand. */
export function packedPieces(batch: LogBatch): readonly Uint8Array<ArrayBuffer>[] {
  if (batch.packed !== undefined) return [batch.packed];
  return batch.records.flatMap((record) => [
    packedHeader(record, record.data.byteLength).slice(),
    record.data,
  ]);
}

/**
 * The records in packed bytes. Their data are views of these, not copies.
 *
 * @throws {TypeError} if they are not packed records
 */
export function unpackRecords(packed: Uint8Array<ArrayBuffer>): LogRecord[] {
  const reader = new Reader(packed);
  const records: LogRecord[] = [];
  while (reader.at < packed.byteLength) {
    if (reader.varint() !== RECORDS) throw new TypeError("These bytes are not packed records");
    records.push(unpackRecord(reader, reader.lengthEnd()));
  }
  return records;
}

function unpackRecord(reader: Reader, end: number): LogRecord {
  let offset = 0;
  let time = 0;
  let stream: LogStream | Unknown = "unknown";
  let data = new Uint8Array();
  while (reader.at < end) {
    switch (reader.varint()) {
      case OFFSET:
        offset = reader.varint();
        break;
      case TIME:
        time = unpackTime(reader, reader.lengthEnd());
        break;
      case STREAM:
        stream = LOG_STREAMS[reader.varint() - 1] ?? "unknown";
        break;
      case DATA:
        data = reader.bytesTo(reader.lengthEnd());
        break;
      default:
        throw new TypeError("A packed record has a field that is not known");
    }
  }
  return { offset, time, stream, data };
}

function unpackTime(reader: Reader, end: number): number {
  let time = 0;
  while (reader.at < end) {
    if (reader.varint() === SECONDS) time += reader.varint() * 1000;
    else time += reader.varint() / 1e6;
  }
  return time;
}

/** Reads numbers of protobuf one after the other. */
class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1;; scale *= 0x80) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw new TypeError("Packed records are cut off");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** Reads a length. */
  lengthEnd(): number {
    const length = this.varint();
    if (length > this.#bytes.byteLength - this.at) {
      throw new TypeError("Packed records are cut off");
    }
    return this.at + length;
  }

  bytesTo(end: number): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes.subarray(this.at, end);
    this.at = end;
    return bytes;
  }
}
