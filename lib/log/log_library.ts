import { JobWorkerError, messageOf } from "../errors.ts";
import { flushDirectory, flushName } from "../files/flush.ts";
import { isLasting } from "../files/lasting.ts";
import { Batcher } from "../async/batcher.ts";
import { Counts } from "../counts.ts";
import { JobLog } from "./job_log.ts";
import { MAX_RECORD_BYTES } from "./log_format.ts";
import { SpareBuffers } from "../net/spare_buffers.ts";
import { LogFlusher } from "./log_flusher.ts";
import { checkReach } from "./log_loss.ts";
import { READ_BYTES } from "./log_reader.ts";
import { LogWriter, type LogWriterOptions } from "./log_writer.ts";
import { PromptWrites } from "./prompt_writes.ts";
import { type PiecesOfLog, SharedPieces } from "./shared_pieces.ts";
import type { Job, LogStart } from "../job/types.ts";

/** Where the logs are in the data directory. */
export const LOGS = "logs";

/** How many bytes all readers may hold together, if each holds one batch. */
const READERS_BYTES = 32 * 1024 * 1024;

/**
 * The logs of all jobs on disk. Each has a directory, unless the job has printed nothing. The library knows
 * which logs are being read.
 */
export class LogLibrary implements AsyncDisposable {
  readonly #directory: string;
  readonly #writes = new PromptWrites();
  readonly #flusher = new LogFlusher();
  readonly #nameFlushes = new Batcher<null, void>(() => flushDirectory(this.#directory));
  /** When an earlier worker was last known to run jobs, in milliseconds since the Unix epoch. */
  readonly usedAt: number;
  /** How many readers each log has at this moment, by job id. */
  readonly #readers = new Counts<string>();
  readonly #pieces = new SharedPieces();
  /** For what readers that have a log for themselves read. */
  readonly buffers = new SpareBuffers();
  #readerCount = 0;

  private constructor(directory: string, usedAt: number) {
    this.#directory = directory;
    this.usedAt = usedAt;
  }

  /**
   * Makes the directory, with mode 0700, if there is none.
   *
   * @throws `failed_precondition` if that is impossible, `unavailable` if it may work later
   */
  static async open(directory: string): Promise<LogLibrary> {
    try {
      await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
      await flushName(directory);
      const { mtime } = await Deno.stat(directory);
      return new LogLibrary(directory, mtime?.getTime() ?? 0);
    } catch (error) {
      const code = isLasting(error) ? "failed_precondition" : "unavailable";
      const message = `Cannot keep logs in "${directory}": ${messageOf(error)}`;
      throw new JobWorkerError(code, message, { cause: error });
    }
  }

  /** The same for a directory that exists. */
  static existing(directory: string): LogLibrary {
    return new LogLibrary(directory, 0);
  }

  /**
   * Notes that jobs are running, by setting the directory's time of change. If that fails, less is known
   * about jobs that are lost.
   */
  async noteUse(): Promise<void> {
    const now = new Date();
    await Deno.utime(this.#directory, now, now).catch(() => {});
  }

  pathOf(jobId: string): string {
    return `${this.#directory}/${jobId}`;
  }

  /** Makes the writer of a new job's log, which is flushed every few seconds while it grows. */
  create(jobId: string, options: LogWriterOptions): LogWriter {
    return new LogWriter(this.pathOf(jobId), {
      ...options,
      writes: this.#writes,
      flushName: () => this.flushNames(),
      onGrown: (writer) => this.#flusher.add(writer),
    });
  }

  /** Flushes the names of all logs. Callers who ask at the same time share a flush. */
  async flushNames(): Promise<void> {
    await this.#nameFlushes.add(null);
  }

  /**
   * Opens the log of a job that has ended, to be read from a given point.
   *
   * @throws `not_found` if it is gone, `data_loss` if what came before that point is gone
   */
  async openEnded(job: Job, start: LogStart): Promise<JobLog> {
    const log = await this.#openEnded(job);
    if (start.kind === "offset") checkReach(log, job, start.offset);
    return log;
  }

  async #openEnded({ jobId, stdoutBytes, stderrBytes }: Job): Promise<JobLog> {
    if (stdoutBytes + stderrBytes === 0) return JobLog.empty(this.pathOf(jobId));
    try {
      return await JobLog.open(this.pathOf(jobId));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new JobWorkerError("not_found", `The log of job "${jobId}" is gone`, { cause: error });
    }
  }

  /** Counts a reader until it is disposed of. */
  countReader(jobId: string): Disposable {
    this.#readers.add(jobId, 1);
    this.#readerCount++;
    return {
      [Symbol.dispose]: () => {
        this.#readerCount--;
        this.#readers.add(jobId, -1);
        if (this.#readers.of(jobId) < 2) this.#pieces.drop(jobId);
      },
    };
  }

  /**
   * How many bytes each reader should read at once: fewer if there are many readers, since a batch stays
   * in memory until its reader takes it.
   */
  get readBytes(): number {
    const share = Math.floor(READERS_BYTES / Math.max(1, this.#readerCount));
    return Math.min(READ_BYTES, Math.max(MAX_RECORD_BYTES, share));
  }

  /** What the readers of a log share, as soon as there is more than one. */
  piecesOf(jobId: string): PiecesOfLog {
    return {
      at: (place) => this.#pieces.at(jobId, place),
      share: (place, piece) => {
        if (this.#readers.of(jobId) < 2) return false;
        this.#pieces.share(jobId, place, piece);
        return true;
      },
    };
  }

  isRead(jobId: string): boolean {
    return this.#readers.of(jobId) > 0;
  }

  /** Removes a log, or what is left of it. Until names are flushed a power cut can bring it back. */
  async remove(jobId: string): Promise<void> {
    try {
      await Deno.remove(this.pathOf(jobId), { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flusher[Symbol.asyncDispose]();
  }
}
