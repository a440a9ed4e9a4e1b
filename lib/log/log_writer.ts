import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { flushName } from "../files/flush.ts";
import { isShortage } from "../files/shortage.ts";
import { Batcher } from "../async/batcher.ts";
import { settleAll } from "../async/settle_all.ts";
import { JobLog } from "./job_log.ts";
import type { Segment } from "./segment.ts";
import { encodeRecord, MAX_RECORD_BYTES, MAX_RECORD_DATA_BYTES } from "./log_format.ts";
import { PromptWrites } from "./prompt_writes.ts";
import type { LogLimit, LogStream, StoredRecord } from "../job/types.ts";

/** A segment that has reached this size is followed by a new one… */
const SEGMENT_BYTES = 8 * 1024 * 1024;
/** …and a full log has at least so many of them, so that dropping one costs little of a small log. */
const SEGMENTS_IN_LIMIT = 16;

/**
 * So much is flushed without waiting for the next round of flushes. At the end of a job that has printed much, little
 * is left to flush, and no flush is so large that those of others wait long behind it.
 */
const FLUSH_BYTES = SEGMENT_BYTES;

/** How often to check whether the disk has room again, or there is a descriptor: from, to. */
const RETRY_MS = { first: 20, last: 500 };

/** A log that must not grow has reached its limit. */
export class LogLimitError extends Error {
  override readonly name = "LogLimitError";
}

/** Options of a {@linkcode LogWriter}. */
export interface LogWriterOptions {
  /** Unlimited by default. */
  readonly limit?: LogLimit;
  /**
   * How long to wait for room on a full disk, or for a descriptor, before giving up; 10 s by default. Meanwhile
   * the job waits too, once its pipe is full.
   */
  readonly diskTimeoutMs?: number;
  /** What writes to the disk: one for all logs on it. */
  readonly writes?: Pick<PromptWrites, "create" | "write">;
  /** Flushes the names of all logs: called once the directory of this one is made. */
  readonly flushName?: () => Promise<void>;
  /** Called each time that there is something to flush. */
  readonly onGrown?: (writer: LogWriter) => void;
}

/**
 * The one writer of a log. It appends in the order of the calls, and a call settles when the operating
 * system has its bytes: whoever reads a pipe and awaits each append slows the job to the speed of the disk.
 */
export class LogWriter implements AsyncDisposable {
  readonly log: JobLog;
  readonly #directory: string;
  readonly #limit: LogLimit;
  readonly #diskTimeoutMs: number;
  /** For records that come without room of their own. Allocated with the first one. */
  #buffer = new Uint8Array(0);
  #file: Deno.FsFile | null = null;
  #queue: Promise<void> = Promise.resolve();
  #lastTime = -Infinity;
  /** No record gets a later time than this. */
  #endTime = Infinity;
  readonly #writes: Pick<PromptWrites, "create" | "write">;
  readonly #flushName: () => Promise<void>;
  readonly #onGrown: (writer: LogWriter) => void;
  /** The segments that may not be on the disk completely. */
  readonly #unflushed = new Set<Segment>();
  /** Bytes written since a flush was last begun without waiting for the next round. */
  #unflushedBytes = 0;
  #isNameless = false;
  readonly #flushes = new Batcher<null, void>(() => this.#flush());
  /** The last flush that was begun without waiting for the next round. */
  #flushedAhead: Promise<void> = Promise.resolve();
  readonly #broken = Promise.withResolvers<unknown>();
  #fault: unknown;

  /**
   * @param directory where the new log goes. It is made with the first byte and must not exist before, so
   *   a job that has not started, or is silent, leaves nothing that would have to be cleaned up
   */
  constructor(directory: string, options: LogWriterOptions = {}) {
    this.log = new JobLog(directory);
    this.#directory = directory;
    this.#limit = options.limit ?? { bytes: Infinity, policy: "keep_newest" };
    this.#diskTimeoutMs = options.diskTimeoutMs ?? 10_000;
    this.#writes = options.writes ?? new PromptWrites();
    this.#flushName = options.flushName ?? (() => flushName(directory));
    this.#onGrown = options.onGrown ?? (() => {});
  }

  /** Settles with the error if a part of the log could not be flushed. */
  get broken(): Promise<unknown> {
    return this.#broken.promise;
  }

  /**
   * Appends what one read from a stream has returned.
   *
   * @param room for a whole record, if the data are in it at {@linkcode RECORD_DATA_AT}: then they need not be copied.
   *   It is used until the call settles
   * @throws {LogLimitError} if the log may not grow; what writing throws. The log then ends with its
   *   last whole record.
   */
  append(
    stream: LogStream,
    data: Uint8Array<ArrayBuffer>,
    room?: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    // The wall clock may be set back, but times in a log must not decrease.
    const time = this.#lastTime = Math.max(this.#lastTime, Math.min(Date.now(), this.#endTime));
    const appended = this.#queue.then(() =>
      room === undefined
        ? this.#write(stream, data, time)
        : this.#writeRecord({ stream, data, time }, room)
    );
    this.#queue = appended.catch(() => {});
    return appended;
  }

  /**
   * Flushes what has been appended to the disk.
   *
   * @throws what flushing throws, and the same ever after: what one flush failed to write may be missing
   *   on the disk although a later flush succeeds
   */
  async flush(): Promise<void> {
    await this.#queue;
    await this.#flushes.add(null);
  }

  /**
   * Sets when the job ended: what is appended from now on gets that time, although it is read later.
   *
   * @param time in milliseconds since the Unix epoch
   * @returns that time, or that of the last record if the wall clock was set forward meanwhile
   */
  endAt(time: number): number {
    this.#endTime = Math.max(this.#lastTime, time);
    return this.#endTime;
  }

  /** Closes the log once what was appended is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
    await this.#flushedAhead;
    this.#file?.close();
    this.#file = null;
    this.log.close();
  }

  async #flush(): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#unflushed.size === 0) return;
    const segments = [...this.#unflushed];
    this.#unflushed.clear();
    const isNameless = this.#isNameless;
    this.#isNameless = false;
    try {
      await settleAll([this.log.flush(segments), ...(isNameless ? [this.#flushOwnName()] : [])]);
    } catch (error) {
      this.#fault = error;
      this.#broken.resolve(error);
      throw error;
    }
  }

  async #flushOwnName(): Promise<void> {
    try {
      await this.#flushName();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      // Somebody has removed the directory; what is made next makes it again.
      this.#isNameless = true;
    }
  }

  #flushAhead(): void {
    this.#unflushedBytes = 0;
    // What will be dropped soon had better not be written to the disk at all.
    if (this.log.segments[0]?.start !== 0) return;
    // Whoever has to know of a failure is told by `broken`.
    this.#flushedAhead = this.#flushes.add(null).catch(() => {});
  }

  async #write(stream: LogStream, data: Uint8Array<ArrayBuffer>, time: number): Promise<void> {
    if (this.#buffer.byteLength === 0) this.#buffer = new Uint8Array(MAX_RECORD_BYTES);
    for (let start = 0; start < data.byteLength; start += MAX_RECORD_DATA_BYTES) {
      const piece = data.subarray(start, start + MAX_RECORD_DATA_BYTES);
      await this.#writeRecord({ stream, data: piece, time }, this.#buffer);
    }
  }

  async #writeRecord(
    { stream, data, time }: Omit<StoredRecord, "offset">,
    into: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const { log } = this;
    const size = encodeRecord({ offset: log.endOffset, time, stream, data }, log, into);
    await this.#makeRoom(size);
    await this.#whileShort(() => this.#writeBytes(into.subarray(0, size)));
    const { stdoutBytes, stderrBytes } = log;
    const length = data.byteLength;
    log.grow(
      size,
      stream === "stdout"
        ? { stdoutBytes: stdoutBytes + length, stderrBytes }
        : { stdoutBytes, stderrBytes: stderrBytes + length },
    );
  }

  /** Keeps the log within its limit, by dropping the oldest segments or by refusing. */
  async #makeRoom(size: number): Promise<void> {
    const { log } = this;
    const { bytes, policy } = this.#limit;
    while (log.diskBytes + size > bytes) {
      if (policy === "end_job") {
        throw new LogLimitError(`The log has reached its limit of ${bytes} bytes`);
      }
      if (log.segments.length < 2) return;
      await log.dropOldest();
    }
  }

  async #writeBytes(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { file, segment } = await this.#openSegment();
    try {
      for (let written = 0; written < bytes.byteLength;) {
        written += await this.#writes.write(file, bytes.subarray(written));
      }
      this.#unflushed.add(segment);
      this.#onGrown(this);
      this.#unflushedBytes += bytes.byteLength;
      if (this.#unflushedBytes >= FLUSH_BYTES) this.#flushAhead();
    } catch (error) {
      // No reader looks beyond the last complete record, and the next one will overwrite this one.
      await file.truncate(segment.size);
      await file.seek(segment.size, Deno.SeekMode.Start);
      throw error;
    }
  }

  /** Tries again as long as something has run out. */
  async #whileShort(write: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + this.#diskTimeoutMs;
    const nextWait = doubling(RETRY_MS);
    for (;;) {
      const wait = nextWait();
      try {
        return await write();
      } catch (error) {
        if (!isShortage(error) || performance.now() + wait > deadline) throw error;
      }
      await delay(wait);
    }
  }

  /** The file that the next record goes into, and its segment. */
  async #openSegment(): Promise<{ file: Deno.FsFile; segment: Segment }> {
    const { log } = this;
    const last = log.segments.at(-1);
    const full = Math.min(SEGMENT_BYTES, this.#limit.bytes / SEGMENTS_IN_LIMIT);
    if (this.#file !== null && last !== undefined && last.size < full) {
      return { file: this.#file, segment: last };
    }
    const segment = { start: log.endOffset, size: 0 };
    // The directory is made again, too, if somebody has removed it.
    const file = await this.#writes.create(this.#directory, log.pathOf(segment));
    this.#file?.close();
    if (this.#file === null) this.#isNameless = true;
    this.#file = file;
    log.begin(segment);
    return { file, segment };
  }
}
