import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import type { ReadableLog } from "./readable_log.ts";
import { isAtHand, type Segment } from "./segment.ts";
import { decodeRecord, MAX_RECORD_BYTES } from "./log_format.ts";
import { readFully, readFullySync } from "../files/read_fully.ts";
import { SpareBuffers } from "../net/spare_buffers.ts";
import { packedHeader } from "../job/packed_records.ts";
import type { Piece, PiecesOfLog, UnpackPiece } from "./shared_pieces.ts";
import type { LogBatch, LogGap, LogStream, StoredRecord } from "../job/types.ts";

/**
 * How much is read from the disk at once, in bytes, unless less is asked for; a batch holds no more. It is just four of
 * the largest records, so that nothing is left over of a log that consists of these.
 */
export const READ_BYTES = 4 * MAX_RECORD_BYTES;

const EMPTY = new Uint8Array();

/** What to read of a log. */
export interface ReadLogOptions {
  /** Where to start, in bytes of output. */
  readonly offset: number;
  readonly streams: readonly LogStream[];
  /** Whether to go on until the log is closed. */
  readonly follow: boolean;
  /** Where to end unless following, in bytes of output; by default at the end as it is when reading starts. */
  readonly endOffset?: number;
  /** How much to read at once, asked before each read: at least a whole record; 256 KiB by default. */
  readonly readBytes?: () => number;
  /** Where followers of a log that grows find what one of them has read. */
  readonly shared?: PiecesOfLog;
  /**
   * Whether the bytes of a batch need be good only until the next one is asked for; by default they are for ever. To make
   * room anew takes a quarter of the time of reading a log, and three times as long after V8 has given memory back.
   */
  readonly reuse?: boolean;
  /** Where that room comes from, and goes back to while there is nothing to read; by default it is each reader's own. */
  readonly buffers?: SpareBuffers;
  /** Waits before each piece of work that takes a while; by default there is no need to. See `Turns`. */
  readonly turn?: () => Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * Reads a log at the reader's own pace: nothing is read before it is asked for, so a reader that stalls
 * costs one batch of memory and holds up nobody. When following, the first batch comes at once; it is empty
 * if nothing is stored yet.
 *
 * @throws `out_of_range` for an offset that the log does not have; the reason of the signal
 */
export async function* readLog(
  log: ReadableLog,
  options: ReadLogOptions,
): AsyncGenerator<Omit<LogBatch<LogStream>, "finishedJob">, void, undefined> {
  const { offset, follow, readBytes = () => READ_BYTES, shared, turn, signal } = options;
  const streams = new Set(options.streams);
  // Otherwise a job that prints faster than its log is read would never let it end.
  const end = follow ? Infinity : Math.min(options.endOffset ?? Infinity, log.endOffset);
  if (!Number.isInteger(offset) || offset < 0 || offset > log.endOffset) {
    throw new JobWorkerError(
      "out_of_range",
      `Invalid offset ${offset}: the log has ${log.endOffset} bytes`,
    );
  }
  await using reader = new SegmentReader(log, {
    offset,
    end,
    streams,
    turn,
    shared: follow && !log.closed ? shared : undefined,
    buffers: options.reuse ? options.buffers ?? new SpareBuffers() : null,
  });
  let begun = false;
  for (;;) {
    signal?.throwIfAborted();
    // In this order, so that a record or an end that comes in between is not missed.
    const changed = log.changed();
    const { closed } = log;
    const piece = await reader.read(readBytes());
    if (piece === null) {
      if (closed || !follow) return;
      if (!begun) yield { records: [], nextOffset: reader.offset };
      begun = true;
      await abortable(changed, signal);
      continue;
    }
    const { records, packed, gap } = piece;
    if (records.length === 0 && gap === null) continue;
    begun = true;
    yield {
      records,
      packed,
      nextOffset: reader.offset,
      ...(!follow && { endOffset: end }),
      ...(gap !== null && { gap }),
    };
  }
}

/** The records of a piece, and what was dropped before them. */
interface Read extends Pick<Piece, "records" | "packed"> {
  readonly gap: LogGap | null;
}

/** What a {@linkcode SegmentReader} reads. */
interface Range {
  readonly offset: number;
  readonly end: number;
  readonly streams: ReadonlySet<LogStream>;
  readonly turn: ReadLogOptions["turn"];
  readonly shared: PiecesOfLog | undefined;
  /** `null` if what is read is not read over. */
  readonly buffers: SpareBuffers | null;
}

/** Walks through the segments of a log up to an offset, one piece at a time. */
class SegmentReader implements AsyncDisposable {
  readonly #log: ReadableLog;
  readonly #end: number;
  readonly #streams: ReadonlySet<LogStream>;
  readonly #turn: ReadLogOptions["turn"];
  readonly #shared: PiecesOfLog | undefined;
  readonly #buffers: SpareBuffers | null;
  /** Where the last piece is, if nobody else has it and the next may be read into it. */
  #room: ArrayBuffer | null = null;
  /** What comes next, counted in bytes of output. */
  offset: number;
  #segment: Segment | null = null;
  #file: Deno.FsFile | null = null;
  /** Where the last segment that was read to its end began. */
  #lastStart = -1;
  /** Where the next record begins in the file… */
  #position = 0;
  /** …and counted in bytes of output: before what comes next, if that is not all of it. */
  #recordOffset = 0;
  /** The beginning of that record, as far as it has been read. */
  #cut = EMPTY;
  /** Where the file will be read next, unless it is told otherwise. */
  #filePosition = 0;

  constructor(log: ReadableLog, { offset, end, streams, turn, shared, buffers }: Range) {
    this.#log = log;
    this.#end = end;
    this.#streams = streams;
    this.#turn = turn;
    this.#shared = shared;
    this.#buffers = buffers;
    this.offset = offset;
  }

  /** What comes next, or `null` if there is nothing at this moment. */
  async read(atMost: number): Promise<Read | null> {
    const found = await this.#next(atMost);
    // Whoever waits for more holds none of what was read.
    if (found === null) this.#giveRoom();
    return found;
  }

  async #next(atMost: number): Promise<Read | null> {
    const from = this.offset;
    for (;;) {
      const gap = this.offset > from ? { from, to: this.offset } : null;
      const nothing = gap === null ? null : { records: [], packed: EMPTY, gap };
      if (this.offset >= this.#end) return nothing;
      const segment = this.#segment ?? await this.#enter();
      if (segment === null) return nothing;
      if (segment.start > this.offset) {
        this.offset = Math.min(segment.start, this.#end);
        continue;
      }
      const available = Math.min(segment.size - this.#position, atMost);
      if (available > 0) {
        const before = this.offset;
        const found = await this.#readRecords(segment, available);
        if (this.offset > before) return { ...found, gap };
        continue;
      }
      if (!this.#log.segments.some(({ start }) => start > segment.start)) return nothing;
      this.#leave();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#leave();
    return Promise.resolve();
  }

  /** Opens the segment that holds the next byte, or the oldest one if that has been dropped. */
  async #enter(): Promise<Segment | null> {
    for (;;) {
      // If the segment that was read ends before the next one begins, the rest of it is gone.
      const rest = this.#log.segments.filter(({ start }) => start > this.#lastStart);
      const segment = rest.findLast(({ start }) => start <= this.offset) ?? rest[0];
      if (segment === undefined) return null;
      const file = await this.#log.openSegment(segment);
      if (file === null) continue;
      this.#file = file;
      this.#segment = segment;
      this.#position = this.#filePosition = 0;
      this.#recordOffset = segment.start;
      this.#cut = EMPTY;
      return segment;
    }
  }

  #leave(): void {
    this.#lastStart = this.#segment?.start ?? this.#lastStart;
    this.#file?.close();
    this.#file = null;
    this.#segment = null;
  }

  async #readRecords(segment: Segment, available: number): Promise<Piece> {
    const piece = await this.#takePiece(segment, available);
    this.#position += piece.fileBytes;
    this.#recordOffset = piece.nextOffset;
    this.offset = Math.max(this.offset, Math.min(piece.nextOffset, this.#end));
    return piece;
  }

  /** Takes the next piece, which another reader at the same place may have read already. */
  async #takePiece(segment: Segment, available: number): Promise<Piece> {
    const shared = this.#recordOffset === this.offset ? this.#shared : undefined;
    const place = [segment.start, this.#position, ...this.#streams].join(" ");
    const others = shared?.at(place);
    // Whoever reads it may fail to.
    let unpack = others === undefined ? null : await others.catch(() => null);
    if (unpack === null) {
      const reading = this.#readPiece(segment, available);
      if (shared?.share(place, reading)) this.#room = null;
      unpack = await reading;
    } else {
      this.#cut = EMPTY;
      this.#giveRoom();
    }
    // Their own, so that nobody waits behind all that the user of another reader has asked for.
    await this.#turn?.();
    return await unpack();
  }

  async #readPiece(segment: Segment, available: number): Promise<UnpackPiece> {
    const file = this.#file;
    if (file === null) throw new TypeError("Cannot read: no segment is open");
    const buffer = this.#roomFor(available);
    // Its beginning may be in the same place, further behind.
    buffer.set(this.#cut);
    const readFrom = this.#position + this.#cut.byteLength;
    if (this.#filePosition !== readFrom) file.seekSync(readFrom, Deno.SeekMode.Start);
    const into = buffer.subarray(this.#cut.byteLength);
    const length = this.#cut.byteLength +
      (isAtHand(segment, available) ? readFullySync(file, into) : await readFully(file, into));
    this.#filePosition = this.#position + length;
    const filled = buffer.subarray(0, length);
    let piece: Promise<Piece> | null = null;
    // A failure stays one, too: by then some of it has been packed.
    return () => piece ??= Promise.try(() => this.#unpack(filled));
  }

  #roomFor(bytes: number): Uint8Array<ArrayBuffer> {
    if (this.#buffers === null) return new Uint8Array(bytes);
    if (this.#room === null || this.#room.byteLength < bytes) {
      this.#room = this.#buffers.take(bytes);
    }
    return new Uint8Array(this.#room, 0, bytes);
  }

  #giveRoom(): void {
    if (this.#room !== null) this.#buffers?.give(this.#room);
    this.#room = null;
  }

  #unpack(filled: Uint8Array<ArrayBuffer>): Piece {
    const records: StoredRecord[] = [];
    let nextOffset = this.#recordOffset;
    let fileBytes = 0;
    let packedBytes = 0;
    for (;;) {
      const decoded = decodeRecord(filled, fileBytes);
      if (decoded === "incomplete") break;
      if (decoded === "invalid") throw damaged(nextOffset);
      fileBytes += decoded.size;
      nextOffset = decoded.record.offset + decoded.record.data.byteLength;
      const record = this.#within(decoded.record);
      if (record === null || !this.#streams.has(record.stream)) continue;
      const data = pack(record, filled, packedBytes);
      packedBytes = data.byteOffset - filled.byteOffset + data.byteLength;
      records.push({ ...record, data });
    }
    if (fileBytes === 0) throw damaged(nextOffset);
    // None of it is kept where it ends with a record.
    this.#cut = fileBytes < filled.byteLength ? filled.subarray(fileBytes) : EMPTY;
    return { records, packed: filled.subarray(0, packedBytes), fileBytes, nextOffset };
  }

  /** The part of a record that was asked for: the first may begin too early, the last end too late. */
  #within(record: StoredRecord): StoredRecord | null {
    const { offset, data } = record;
    const begin = Math.max(0, this.offset - offset);
    const end = Math.min(data.byteLength, this.#end - offset);
    if (begin >= end) return null;
    if (end - begin === data.byteLength) return record;
    return { ...record, offset: offset + begin, data: data.subarray(begin, end) };
  }
}

/**
 * Packs a record where it was read, behind those before it. There is always room: packed, a record is smaller than
 * on the disk.
 *
 * @returns where its data is now
 */
function pack(
  record: StoredRecord,
  into: Uint8Array<ArrayBuffer>,
  at: number,
): Uint8Array<ArrayBuffer> {
  const { data } = record;
  const header = packedHeader(record, data.byteLength);
  const dataAt = at + header.byteLength;
  // First of all, since the header may take the place of its first bytes.
  into.set(data, dataAt);
  into.set(header, at);
  return into.subarray(dataAt, dataAt + data.byteLength);
}

function damaged(offset: number): JobWorkerError {
  return new JobWorkerError("data_loss", `The log is damaged behind byte ${offset} of the output`);
}
