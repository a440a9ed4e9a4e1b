import { abortable } from "../abortable.ts";
import { JobWorkerError } from "../errors.ts";
import type { JobLog, Segment } from "./job_log.ts";
import { decodeRecord } from "./log_format.ts";
import { readFully } from "./read_fully.ts";
import type { LogBatch, LogGap, LogRecord, LogStream } from "./types.ts";

/** How much is read from the disk at once, unless less is asked for; a batch holds no more. */
export const READ_BYTES = 256 * 1024;

const EMPTY = new Uint8Array();

/** What to read of a log. */
export interface ReadLogOptions {
  /** Where to start, in bytes of output. */
  readonly offset: number;
  readonly streams: readonly LogStream[];
  /** Go on until the log is closed. */
  readonly follow: boolean;
  /** How much to read at once, asked each time: a whole record at least, 256 KiB by default. */
  readonly readBytes?: () => number;
  readonly signal?: AbortSignal;
}

/**
 * Reads a log at the reader's own pace: nothing is read before it is asked for, so a reader that
 * stalls costs one batch of memory and nobody any time.
 *
 * @throws `out_of_range` for an offset that the log does not have; the reason of the signal
 */
export async function* readLog(
  log: JobLog,
  options: ReadLogOptions,
): AsyncGenerator<Omit<LogBatch, "finishedJob">, void, undefined> {
  const { offset, follow, readBytes = () => READ_BYTES, signal } = options;
  const streams = new Set(options.streams);
  if (!Number.isInteger(offset) || offset < 0 || offset > log.endOffset) {
    throw new JobWorkerError(
      "out_of_range",
      `Invalid offset ${offset}: the log has ${log.endOffset} bytes`,
    );
  }
  await using reader = new SegmentReader(log, offset);
  for (;;) {
    signal?.throwIfAborted();
    // In this order: a record that is added, or an end that comes, in between is not missed.
    const changed = log.changed();
    const { closed } = log;
    const piece = await reader.read(readBytes());
    if (piece === null) {
      if (closed || !follow) return;
      await abortable(changed, signal);
      continue;
    }
    const { gap } = piece;
    const records = piece.records.filter((record) => streams.has(record.stream));
    if (records.length === 0 && gap === null) continue;
    yield { records, nextOffset: reader.offset, ...(gap === null ? {} : { gap }) };
  }
}

/** Some records that follow one another, and what was dropped before them. */
interface Piece {
  readonly records: readonly LogRecord[];
  readonly gap: LogGap | null;
}

/** Walks through the segments of a log, a piece at a time. */
class SegmentReader implements AsyncDisposable {
  readonly #log: JobLog;
  /** Where the next record begins, counted in bytes of output. */
  offset: number;
  #segment: Segment | null = null;
  #file: Deno.FsFile | null = null;
  /** Where the last segment began that has been read to its end. */
  #lastStart = -1;
  /** Bytes of the file that have been decoded. */
  #position = 0;
  /** Those that have been read behind them: the beginning of a record. */
  #cut = EMPTY;

  constructor(log: JobLog, offset: number) {
    this.#log = log;
    this.offset = offset;
  }

  /** What comes next, or `null` if there is nothing at this moment. */
  async read(atMost: number): Promise<Piece | null> {
    for (let gap: LogGap | null = null;;) {
      const segment = this.#segment ?? await this.#enter();
      if (segment === null) return null;
      if (segment.start > this.offset) {
        gap = { from: this.offset, to: segment.start };
        this.offset = segment.start;
      }
      const available = Math.min(segment.size - this.#position, atMost);
      if (available > 0) {
        const records = await this.#readRecords(available);
        if (records.length > 0) return { records, gap };
        continue;
      }
      if (!this.#log.segments.some(({ start }) => start > segment.start)) {
        return gap === null ? null : { records: [], gap };
      }
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
      // One that has been read may end before the next one begins: then its rest is gone.
      const rest = this.#log.segments.filter(({ start }) => start > this.#lastStart);
      const segment = rest.findLast(({ start }) => start <= this.offset) ?? rest[0];
      if (segment === undefined) return null;
      const file = await this.#log.openSegment(segment);
      if (file === null) continue;
      this.#file = file;
      this.#segment = segment;
      this.#position = 0;
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

  async #readRecords(available: number): Promise<LogRecord[]> {
    const file = this.#file;
    if (file === null) throw new TypeError("Cannot read: no segment is open");
    const buffer = new Uint8Array(available);
    buffer.set(this.#cut);
    const length = this.#cut.byteLength +
      await readFully(file, buffer.subarray(this.#cut.byteLength));
    const filled = buffer.subarray(0, length);
    const records: LogRecord[] = [];
    let position = 0;
    for (;;) {
      const decoded = decodeRecord(filled, position);
      if (decoded === "incomplete") break;
      if (decoded === "invalid") throw damaged(this.offset);
      position += decoded.size;
      const { record } = decoded;
      const end = record.offset + record.data.byteLength;
      if (end <= this.offset) continue;
      // The first one may begin before the offset that was asked for.
      const skip = Math.max(0, this.offset - record.offset);
      const whole = { ...record, offset: record.offset + skip, data: record.data.subarray(skip) };
      records.push(skip === 0 ? record : whole);
      this.offset = end;
    }
    if (position === 0) throw damaged(this.offset);
    this.#position += position;
    this.#cut = filled.slice(position);
    return records;
  }
}

function damaged(offset: number): JobWorkerError {
  return new JobWorkerError("data_loss", `The log is damaged behind byte ${offset} of the output`);
}
