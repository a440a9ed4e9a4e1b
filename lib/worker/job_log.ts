import { WakeUp } from "../wake_up.ts";
import { decodeRecord } from "./log_format.ts";
import { readFully } from "./read_fully.ts";

const SEGMENT_NAME = /^(\d{16})\.log$/;

/** One file of a log. */
export interface Segment {
  /** Bytes of output before the first record in it. */
  readonly start: number;
  /** Bytes of whole records in the file. Grows while it is written. */
  size: number;
}

/**
 * The log of one job, as its writer and its readers share it: which files there are, how far they
 * are written, and whether more will come.
 *
 * All the bytes are on disk; this object stays small whatever the job prints.
 */
export class JobLog {
  readonly #directory: string;
  readonly #wakeUp = new WakeUp();
  /** Oldest first. Only the last one grows. */
  readonly segments: Segment[] = [];
  stdoutBytes = 0;
  stderrBytes = 0;
  #closed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Opens the log of a job that has ended. What a crash tore at its end is left out.
   *
   * @throws `Deno.errors.NotFound` if there is none
   */
  static async open(directory: string): Promise<JobLog> {
    const log = new JobLog(directory);
    for await (const entry of Deno.readDir(directory)) {
      const start = SEGMENT_NAME.exec(entry.name)?.[1];
      if (start !== undefined) log.segments.push({ start: Number(start), size: 0 });
    }
    log.segments.sort((a, b) => a.start - b.start);
    for (const segment of log.segments) {
      segment.size = (await Deno.stat(log.pathOf(segment))).size;
    }
    const last = log.segments.at(-1);
    const end = last === undefined ? { size: 0, offset: 0 } : await log.#measure(last);
    if (last !== undefined) last.size = end.size;
    log.#endOffset = end.offset;
    log.#closed = true;
    return log;
  }

  #endOffset = 0;

  /** Bytes of output in the log, both streams together, those of dropped segments included. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Whether nothing will be added any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Settles when something is added, or the log is closed. Take it before reading. */
  changed(): Promise<void> {
    return this.#wakeUp.next();
  }

  /** The file of a segment. */
  pathOf(segment: Segment): string {
    return `${this.#directory}/${String(segment.start).padStart(16, "0")}.log`;
  }

  /** Says that a record of so many bytes of output now ends the last segment. For the writer. */
  grow(dataBytes: number, fileBytes: number): void {
    const last = this.segments.at(-1);
    if (last === undefined) throw new TypeError("Cannot grow a log without a segment");
    last.size += fileBytes;
    this.#endOffset += dataBytes;
    this.#wakeUp.notify();
  }

  /** Says that nothing will be added any more. For the writer. */
  close(): void {
    this.#closed = true;
    this.#wakeUp.notify();
  }

  /** How far whole records reach in a segment, and the offset behind the last one. */
  async #measure(segment: Segment): Promise<{ size: number; offset: number }> {
    using file = await Deno.open(this.pathOf(segment));
    let buffer = new Uint8Array(256 * 1024);
    let kept = 0;
    let size = 0;
    let offset = segment.start;
    for (;;) {
      const read = await readFully(file, buffer.subarray(kept));
      const filled = buffer.subarray(0, kept + read);
      let position = 0;
      for (;;) {
        const decoded = decodeRecord(filled, position);
        if (decoded === "invalid") return { size, offset };
        if (decoded === "incomplete") break;
        position += decoded.size;
        size += decoded.size;
        offset = decoded.record.offset + decoded.record.data.byteLength;
      }
      if (read === 0) return { size, offset };
      const next = new Uint8Array(buffer.byteLength);
      next.set(filled.subarray(position));
      kept = filled.byteLength - position;
      buffer = next;
    }
  }
}
