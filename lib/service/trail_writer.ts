import type { JobWorkerError } from "../errors.ts";
import { Buffer } from "node:buffer";
import { isLasting } from "../files/lasting.ts";
import { Batcher } from "../async/batcher.ts";
import { WakeUp } from "../async/wake_up.ts";
import { lossLine } from "./audit_line.ts";
import type { GrowingTrail } from "./audit_reader.ts";
import { moveAside, removeOldest } from "./audit_files.ts";
import { openTrail, type Trail, unwritable } from "./audit_trail.ts";

/**
 * How many bytes are kept until they are on the disk. While the disk accepts none, they stay and no job can
 * be started.
 */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** After how long lines that nobody waits for are flushed. */
const FLUSH_AFTER_MS = 1_000;

/** After how long a file that could not be moved aside is tried again. */
const ROTATE_AGAIN_AFTER_MS = 60_000;

/** How long the trail may become before its beginning is removed. */
export interface AuditBounds {
  /** The size at which another file is begun, in bytes. Up to 4 MiB that are under way may come on top. */
  readonly limitBytes: number;
  /** The age of its first line at which another file is begun. */
  readonly maxAgeMs: number;
  /** How many files are kept beside the one that is written to. */
  readonly keep: number;
}

/**
 * Appends lines to the file of the audit trail, readable by its owner only, and begins another file when it has
 * become long. Lines that come together share one write and one flush.
 *
 * What a flush fails to write may never reach the disk, whatever a later flush says. So lines are kept until
 * they are known to be there; after a failure they are removed from the file and written again.
 */
export class TrailWriter implements GrowingTrail, AsyncDisposable {
  readonly path: string;
  readonly #onFault: (error: unknown) => void;
  readonly #bounds: AuditBounds;
  #trail: Trail;
  /** How many files came before it since the start. */
  #number = 0;
  /** When the first line of the file was written, in milliseconds since the Unix epoch. */
  #begunAt: number | null;
  #isRenamed = false;
  /** When the file may be moved aside again, on the clock of `performance`. */
  #rotateAfter = 0;
  /** Lines that are not in the file yet. */
  #waiting: Uint8Array[] = [];
  /** Lines in the file that are not known to be on the disk. */
  #written: Uint8Array[] = [];
  /** The bytes of both. */
  #keptBytes = 0;
  /** The length of the file up to what is known to be on the disk. */
  #flushedSize = 0;
  /** Where the file is to be truncated before anything else is written; `null`: nowhere. */
  #tornFrom: number | null = null;
  /** How many lines found no room while nothing could be written, to be recorded once that works. */
  #lost = 0;
  #isFaulty = false;
  #busy: Promise<void> | null = null;
  readonly #grown = new WakeUp();
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #writes = new Batcher<null, void>(() => this.#inTurn(() => this.#writeWaiting()));
  /** The flush that those wait for whose line must be on the disk. */
  readonly #flushes = new Batcher<Uint8Array | null, void>((lines) => this.#flushRound(lines));

  private constructor(
    path: string,
    trail: Trail,
    onFault: (error: unknown) => void,
    bounds: AuditBounds,
  ) {
    this.path = path;
    this.#trail = trail;
    this.#begunAt = trail.begunAt;
    this.#flushedSize = trail.size;
    this.#onFault = onFault;
    this.#bounds = bounds;
  }

  /**
   * Opens the trail for appending, with mode 0600 if it is new. What a power cut damaged in it is left as
   * it is, and marked by a line of its own.
   *
   * @param onFault told of such damage, and whenever lines cannot be written
   * @throws `failed_precondition` if it cannot be written until somebody fixes that, else `unavailable`
   */
  static async open(
    path: string,
    onFault: (error: unknown) => void,
    bounds: AuditBounds,
  ): Promise<TrailWriter> {
    try {
      const trail = await openTrail(path, onFault);
      // It may be fewer than before, or a crash may have come in between.
      await removeOldest(path, bounds.keep).catch(onFault);
      return new TrailWriter(path, trail, onFault, bounds);
    } catch (error) {
      throw unwritable(path, error, isLasting(error) ? "failed_precondition" : "unavailable");
    }
  }

  get current(): GrowingTrail["current"] {
    return { ino: this.#trail.ino, number: this.#number, size: this.#flushedSize };
  }

  grown(): Promise<void> {
    return this.#grown.next();
  }

  /** Flushes all lines to the disk. Never rejects. */
  async flush(): Promise<void> {
    await this.#flushes.add(null).catch(this.#onFault);
  }

  /** Continues in a new file if the current one was renamed, as logrotate(8) does. Never rejects. */
  async reopen(): Promise<void> {
    this.#isRenamed = true;
    await this.flush();
  }

  /**
   * Settles once the line is on the disk.
   *
   * @throws `unavailable` if it cannot be written to the disk: it is then not in the trail
   */
  async commit(text: string): Promise<void> {
    const line = encode(text);
    try {
      if (this.#isFull) await this.#flushes.add(null);
      this.#keep(line);
      await this.#flushes.add(line);
    } catch (error) {
      this.#onFault(error);
      throw error;
    }
  }

  /**
   * Settles once the operating system has the line. One that cannot be written is set aside and tried again.
   * Never rejects.
   */
  async append(text: string): Promise<void> {
    const line = encode(text);
    try {
      if (this.#isFull) await this.#makeRoom();
      this.#keep(line);
      await this.#writes.add(null);
      // It stays where another flush comes first: a timer costs more to set than to find nothing to do.
      this.#flushTimer ??= setTimeout(() => {
        this.#flushTimer = undefined;
        this.#flushes.add(null).catch(this.#onFault);
      }, FLUSH_AFTER_MS);
    } catch (error) {
      this.#onFault(error);
    }
  }

  /** @throws `unavailable` while there are lines that cannot be written */
  async assertWritable(): Promise<void> {
    if (this.#isFaulty) await this.#flushes.add(null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    clearTimeout(this.#flushTimer);
    this.#trail.close();
  }

  get #isFull(): boolean {
    return this.#keptBytes >= MAX_KEPT_BYTES;
  }

  /** Makes room by writing to the disk what can be written. */
  async #makeRoom(): Promise<void> {
    try {
      await this.#flushes.add(null);
    } catch (error) {
      this.#lost++;
      throw error;
    }
  }

  #keep(line: Uint8Array): void {
    this.#waiting.push(line);
    this.#keptBytes += line.byteLength;
  }

  #forget(lines: readonly Uint8Array[]): void {
    for (const { byteLength } of lines) this.#keptBytes -= byteLength;
  }

  /** Runs something that changes the file, one at a time. */
  async #inTurn(act: () => Promise<void>): Promise<void> {
    while (this.#busy !== null) await this.#busy.catch(() => {});
    this.#busy = act();
    try {
      await this.#busy;
    } finally {
      this.#busy = null;
    }
  }

  /**
   * Writes without a thread, and so within the turn in which a line came: its flush is under way when the store holds up
   * this process with a flush of its own.
   */
  async #writeWaiting(): Promise<void> {
    if (this.#waiting.length === 0) return;
    let size = 0;
    let lines: Uint8Array[] = [];
    const lost = this.#lost;
    try {
      let info = infoOf(this.#trail);
      if (info.nlink === 0) {
        // What is written to a removed file would be lost.
        await this.#changeFile();
        info = infoOf(this.#trail);
        this.#onFault(
          new Error(`The audit trail ${this.path} was removed: a new one has been started`),
        );
      }
      if (this.#tornFrom !== null) {
        await this.#truncateTorn();
        info = infoOf(this.#trail);
      }
      ({ size } = info);
      if (this.#written.length === 0) this.#flushedSize = size;
      if (lost > 0) this.#keep(encode(lossLine(lost)));
      // Those that came meanwhile, too; later ones are for the next write.
      lines = this.#waiting;
      this.#waiting = [];
      writeNow(this.#trail, Buffer.concat(lines));
    } catch (error) {
      if (lost > 0) this.#forget(lines.splice(-1));
      this.#waiting.unshift(...lines);
      // Half a line would make the next one unreadable as well.
      if (lines.length > 0) await this.#tear(size);
      throw this.#fault(error);
    }
    this.#lost -= lost;
    this.#written.push(...lines);
    this.#begunAt ??= Date.now();
  }

  /** @param asked for: those that do not reach the disk are withdrawn, and their callers are told */
  async #flushRound(asked: readonly (Uint8Array | null)[]): Promise<void> {
    try {
      await this.#inTurn(() => this.#writeWaiting());
      await this.#flush();
      this.#isFaulty = false;
      if (this.#isRotationDue()) await this.#inTurn(() => this.#rotate()).catch(this.#onFault);
    } catch (error) {
      const withdrawn = this.#waiting.filter((line) => asked.includes(line));
      this.#forget(withdrawn);
      this.#waiting = this.#waiting.filter((line) => !asked.includes(line));
      throw error;
    } finally {
      if (this.#isRenamed) await this.#inTurn(() => this.#changeFile()).catch(this.#onFault);
    }
  }

  /** Does not take its turn, so that lines that nobody waits for can be written meanwhile. */
  async #flush(): Promise<void> {
    const count = this.#written.length;
    if (count === 0) return;
    const bytes = this.#written.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const trail = this.#trail;
    try {
      await trail.flush();
    } catch (error) {
      if (trail === this.#trail) await this.#inTurn(() => this.#takeBack());
      throw this.#fault(error);
    }
    // The file was removed meanwhile, and everything in it has been taken care of.
    if (trail !== this.#trail) return;
    this.#forget(this.#written.splice(0, count));
    this.#flushedSize += bytes;
    this.#grown.notify();
  }

  /** Removes from the file what is not known to be on the disk, so that it is written again. */
  async #takeBack(): Promise<void> {
    this.#waiting.unshift(...this.#written);
    this.#written = [];
    await this.#tear(this.#flushedSize);
  }

  async #tear(from: number): Promise<void> {
    this.#tornFrom = from;
    // If it fails, it is done before the next write.
    await this.#truncateTorn().catch(() => {});
  }

  async #truncateTorn(): Promise<void> {
    const { file } = this.#trail;
    if (this.#tornFrom === null) return;
    // Somebody else may have truncated it.
    if ((await file.stat()).size > this.#tornFrom) await file.truncate(this.#tornFrom);
    this.#tornFrom = null;
  }

  #isRotationDue(): boolean {
    const { limitBytes, maxAgeMs } = this.#bounds;
    const isDue = this.#flushedSize >= limitBytes ||
      (this.#begunAt !== null && Date.now() - this.#begunAt >= maxAgeMs);
    return isDue && this.#flushedSize > 0 && performance.now() >= this.#rotateAfter;
  }

  /**
   * Goes on in a new file. All lines of the old one are on the disk by then, so at whatever point this ends, each
   * line is in one of the two.
   */
  async #rotate(): Promise<void> {
    this.#rotateAfter = performance.now() + ROTATE_AGAIN_AFTER_MS;
    await this.#truncateTorn();
    await this.#trail.flush().catch(async (error) => {
      await this.#takeBack();
      throw this.#fault(error);
    });
    this.#flushedSize += this.#written.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#forget(this.#written.splice(0));
    await moveAside(this.path, this.#trail.file);
    // Until this succeeds, lines are appended to the file that was moved.
    await this.#changeFile();
    this.#rotateAfter = 0;
    await removeOldest(this.path, this.#bounds.keep);
  }

  async #changeFile(): Promise<void> {
    this.#isRenamed = false;
    const next = await openTrail(this.path, this.#onFault).catch((error) => {
      throw unwritable(this.path, error);
    });
    try {
      await this.#trail.flush();
      this.#forget(this.#written);
    } catch (error) {
      // A line that appears twice is better than one that is lost.
      this.#waiting.unshift(...this.#written);
      throw this.#fault(error);
    } finally {
      this.#written = [];
      this.#tornFrom = null;
      this.#trail.close();
      // It is the same if nobody had renamed it.
      if (next.ino !== this.#trail.ino) this.#number++;
      this.#trail = next;
      this.#begunAt = next.begunAt;
      this.#flushedSize = next.size;
      this.#grown.notify();
    }
  }

  #fault(error: unknown): JobWorkerError {
    this.#isFaulty = true;
    return unwritable(this.path, error);
  }
}

function infoOf({ file }: Trail): Deno.FileInfo {
  return file.statSync();
}

function writeNow({ file }: Trail, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.byteLength;) {
    written += file.writeSync(bytes.subarray(written));
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
