import { encodeRecord, MAX_RECORD_BYTES, MAX_RECORD_DATA_BYTES } from "./log_format.ts";
import { JobLog } from "./job_log.ts";
import type { LogStream } from "./types.ts";

/** A segment that has reached this size is followed by a new one. */
const SEGMENT_BYTES = 8 * 1024 * 1024;

/**
 * The one writer of a log. Appends in the order of its calls, and settles a call when its bytes are
 * with the operating system: a reader of pipes that awaits each append passes the speed of the disk
 * on to the job.
 */
export class LogWriter implements AsyncDisposable {
  readonly log: JobLog;
  readonly #buffer = new Uint8Array(MAX_RECORD_BYTES);
  #file: Deno.FsFile | null = null;
  #queue: Promise<void> = Promise.resolve();
  #lastTime = 0;

  private constructor(log: JobLog) {
    this.log = log;
  }

  /** Makes a new log in a directory of its own, which must not exist yet. */
  static async create(directory: string): Promise<LogWriter> {
    await Deno.mkdir(directory, { mode: 0o700 });
    return new LogWriter(new JobLog(directory));
  }

  /**
   * Appends what was read from a stream at once.
   *
   * @throws what writing to the disk throws; the log then ends with its last whole record
   */
  append(stream: LogStream, data: Uint8Array<ArrayBuffer>): Promise<void> {
    const appended = this.#queue.then(() => this.#write(stream, data));
    this.#queue = appended.catch(() => {});
    return appended;
  }

  /** Closes the log once what was appended is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
    this.#file?.close();
    this.#file = null;
    this.log.close();
  }

  async #write(stream: LogStream, data: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let start = 0; start < data.byteLength; start += MAX_RECORD_DATA_BYTES) {
      await this.#writeRecord(stream, data.subarray(start, start + MAX_RECORD_DATA_BYTES));
    }
  }

  async #writeRecord(stream: LogStream, data: Uint8Array<ArrayBuffer>): Promise<void> {
    const { log } = this;
    const file = await this.#segmentFile();
    // The wall clock may be set back; the order of a log may not.
    this.#lastTime = Math.max(this.#lastTime, Date.now());
    const record = { offset: log.endOffset, time: this.#lastTime, stream, data };
    const size = encodeRecord(record, this.#buffer);
    const before = log.segments.at(-1)?.size ?? 0;
    try {
      for (let written = 0; written < size;) {
        written += await file.write(this.#buffer.subarray(written, size));
      }
    } catch (error) {
      await file.truncate(before);
      await file.seek(before, Deno.SeekMode.Start);
      throw error;
    }
    if (stream === "stdout") log.stdoutBytes += data.byteLength;
    else log.stderrBytes += data.byteLength;
    log.grow(data.byteLength, size);
  }

  async #segmentFile(): Promise<Deno.FsFile> {
    const { log } = this;
    const last = log.segments.at(-1);
    if (this.#file !== null && last !== undefined && last.size < SEGMENT_BYTES) return this.#file;
    const segment = { start: log.endOffset, size: 0 };
    const file = await Deno.open(log.pathOf(segment), {
      write: true,
      createNew: true,
      mode: 0o600,
    });
    this.#file?.close();
    this.#file = file;
    log.segments.push(segment);
    return file;
  }
}
