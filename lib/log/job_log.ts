import { flushDirectory, flushFile } from "../files/flush.ts";
import { settleAll } from "../async/settle_all.ts";
import { WakeUp } from "../async/wake_up.ts";
import {
  type DecodedRecord,
  decodeRecord,
  decodeRecordBefore,
  MAX_RECORD_BYTES,
  type StreamCounts,
} from "./log_format.ts";
import { readFully } from "../files/read_fully.ts";
import type { ReadableLog } from "./readable_log.ts";
import { openSegment, type Segment, segmentPath, segmentStart } from "./segment.ts";

/**
 * The log of one job, as its writer and its readers share it: which files there are, how far they
 * are written, and whether more will come.
 *
 * All the bytes are on disk; this object stays small whatever the job prints.
 */
export class JobLog implements ReadableLog, StreamCounts {
  readonly #directory: string;
  readonly #wakeUp = new WakeUp();
  readonly #segments: Segment[] = [];
  #counts: StreamCounts = { stdoutBytes: 0, stderrBytes: 0 };
  #closed = false;
  /** The time of the last record, in a log that was opened from the disk; 0 if there is none. */
  lastTime = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Opens the log of a job that has ended. A record that a crash left incomplete is left out.
   *
   * @throws `Deno.errors.NotFound` if there is none
   */
  static async open(directory: string): Promise<JobLog> {
    const log = new JobLog(directory);
    for await (const entry of Deno.readDir(directory)) {
      const start = segmentStart(entry.name);
      if (start !== null) log.#segments.push({ start, size: 0 });
    }
    log.#segments.sort((a, b) => a.start - b.start);
    for (const segment of log.#segments) {
      segment.size = (await Deno.stat(log.pathOf(segment))).size;
    }
    // After a power cut, a segment that was not flushed may exist and be empty.
    log.#leaveOutEmpty();
    await log.#findEnd();
    log.#closed = true;
    return log;
  }

  /** The log of a job that has ended without a byte of output. */
  static empty(directory: string): JobLog {
    const log = new JobLog(directory);
    log.#closed = true;
    return log;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get stdoutBytes(): number {
    return this.#counts.stdoutBytes;
  }

  get stderrBytes(): number {
    return this.#counts.stderrBytes;
  }

  get endOffset(): number {
    return this.#counts.stdoutBytes + this.#counts.stderrBytes;
  }

  /** How many bytes the segments take on disk. */
  get diskBytes(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0);
  }

  get closed(): boolean {
    return this.#closed;
  }

  changed(): Promise<void> {
    return this.#wakeUp.next();
  }

  /** The file of a segment. */
  pathOf(segment: Segment): string {
    return segmentPath(this.#directory, segment);
  }

  async openSegment(segment: Segment): Promise<Deno.FsFile | null> {
    return await openSegment(
      this.#directory,
      segment,
      () => !this.#segments.includes(segment),
    );
  }

  /**
   * Flushes segments and their names to the disk. Those that were dropped need no flush.
   *
   * @throws what flushing throws
   */
  async flush(segments: Iterable<Segment> = this.#segments): Promise<void> {
    // All at once, which the file system can do in one go.
    await settleAll(
      [
        ...Array.from(segments, (segment) => flushFile(this.pathOf(segment))),
        flushDirectory(this.#directory),
      ].map((flushed) =>
        flushed.catch((error) => {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        })
      ),
    );
  }

  /**
   * Truncates each segment after its last complete record. A power cut may have torn any segment that was
   * not flushed; what is missing is then a gap, as where segments were dropped.
   */
  async mend(): Promise<void> {
    for (const segment of this.#segments) {
      using file = await Deno.open(this.pathOf(segment), { read: true, write: true });
      const { size } = await file.stat();
      segment.size = (await findLastRecord(file, size))?.end ?? 0;
      if (segment.size < size) await file.truncate(segment.size);
    }
    this.#leaveOutEmpty();
  }

  /** Adds a segment. Only the writer calls this. */
  begin(segment: Segment): void {
    this.#segments.push(segment);
  }

  /** Adds a record to the last segment. Only the writer calls this. */
  grow(fileBytes: number, counts: StreamCounts): void {
    const last = this.#segments.at(-1);
    if (last === undefined) throw new TypeError("Cannot grow a log without a segment");
    last.size += fileBytes;
    last.grownAt = performance.now();
    this.#counts = counts;
    this.#wakeUp.notify();
  }

  /** Removes the oldest segment. A reader that has it open can still read it to its end. */
  async dropOldest(): Promise<void> {
    const segment = this.#segments.shift();
    if (segment === undefined) return;
    try {
      await Deno.remove(this.pathOf(segment));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Declares that nothing will be added any more. Only the writer calls this. */
  close(): void {
    this.#closed = true;
    this.#wakeUp.notify();
  }

  #leaveOutEmpty(): void {
    this.#segments.splice(0, Infinity, ...this.#segments.filter(({ size }) => size > 0));
  }

  /** Finds the last complete record. Segments after it hold nothing but an incomplete one. */
  async #findEnd(): Promise<void> {
    for (let last = this.#segments.at(-1); last !== undefined; last = this.#segments.at(-1)) {
      using file = await Deno.open(this.pathOf(last));
      const found = await findLastRecord(file, last.size);
      if (found !== null) {
        last.size = found.end;
        this.#counts = found.record.after;
        this.lastTime = found.record.record.time;
        return;
      }
      this.#segments.pop();
    }
  }
}

interface LastRecord {
  readonly record: DecodedRecord;
  /** Where it ends in the file. */
  readonly end: number;
}

/** The last complete record of a file, whether or not the file ends with it. */
async function findLastRecord(file: Deno.FsFile, size: number): Promise<LastRecord | null> {
  return await readLastRecord(file, size) ?? await searchLastRecord(file);
}

/** The record that an undamaged file ends with. */
async function readLastRecord(file: Deno.FsFile, size: number): Promise<LastRecord | null> {
  const begin = Math.max(0, size - MAX_RECORD_BYTES);
  await file.seek(begin, Deno.SeekMode.Start);
  const buffer = new Uint8Array(size - begin);
  const record = decodeRecordBefore(
    buffer.subarray(0, await readFully(file, buffer)),
    size - begin,
  );
  return typeof record === "string" ? null : { record, end: size };
}

/** The last complete record of a file, searched from its beginning. */
async function searchLastRecord(file: Deno.FsFile): Promise<LastRecord | null> {
  await file.seek(0, Deno.SeekMode.Start);
  let found: LastRecord | null = null;
  let end = 0;
  let rest = new Uint8Array(0);
  for (;;) {
    const buffer = new Uint8Array(rest.byteLength + 4 * MAX_RECORD_BYTES);
    buffer.set(rest);
    const read = await readFully(file, buffer.subarray(rest.byteLength));
    const filled = buffer.subarray(0, rest.byteLength + read);
    let position = 0;
    for (;;) {
      const record = decodeRecord(filled, position);
      if (record === "invalid") return found;
      if (record === "incomplete") break;
      position += record.size;
      end += record.size;
      found = { record, end };
    }
    if (read === 0) return found;
    rest = filled.slice(position);
  }
}
