import { JobWorkerError, messageOf } from "../errors.ts";
import type { Audit, AuditEntry } from "./audit.ts";

const NEWLINE = 0x0a;

/** So many entries are set aside while the disk takes none. No job can be started meanwhile. */
const MOST_WAITING = 10_000;

/**
 * The audit trail as a file: one line of JSON an entry, appended, readable by its owner only.
 * Entries of calls that come together are written together.
 */
export class AuditLog implements Audit, AsyncDisposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #onFault: (error: unknown) => void;
  #waiting: string[] = [];
  #flushing: Promise<void> | null = null;

  private constructor(path: string, file: Deno.FsFile, onFault: (error: unknown) => void) {
    this.#path = path;
    this.#file = file;
    this.#onFault = onFault;
  }

  /**
   * Opens the trail for appending, with mode 0600 if it is new.
   *
   * @param onFault told each time that entries could not be written
   * @throws `unavailable` if it cannot be written at all
   */
  static async open(path: string, onFault: (error: unknown) => void): Promise<AuditLog> {
    const file = await Deno.open(path, { read: true, append: true, create: true, mode: 0o600 });
    try {
      await endLine(file);
      return new AuditLog(path, file, onFault);
    } catch (error) {
      file.close();
      throw new JobWorkerError("unavailable", cannotWrite(path, error), { cause: error });
    }
  }

  async write(entry: AuditEntry): Promise<void> {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(lineOf(entry));
    try {
      await this.#flush();
    } catch (error) {
      this.#onFault(error);
    }
  }

  async assertWritable(): Promise<void> {
    if (this.#waiting.length === 0 || this.#flushing !== null) return;
    await this.#flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flush().catch(this.#onFault);
    this.#file.close();
  }

  /** All who call in the same turn share one write; those who call during a write share the next. */
  async #flush(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing.catch(() => {});
    if (this.#waiting.length === 0) return;
    this.#flushing = this.#writeWaiting();
    try {
      await this.#flushing;
    } finally {
      this.#flushing = null;
    }
  }

  async #writeWaiting(): Promise<void> {
    const { size } = await this.#file.stat();
    // Taken after that wait, and all at once: what comes from now on is for the next write.
    const lines = this.#waiting;
    this.#waiting = [];
    const bytes = new TextEncoder().encode(lines.join(""));
    try {
      for (let written = 0; written < bytes.byteLength;) {
        written += await this.#file.write(bytes.subarray(written));
      }
    } catch (error) {
      this.#waiting = [...lines, ...this.#waiting];
      // Half a line would make the next one unreadable too.
      await this.#file.truncate(size);
      throw new JobWorkerError("unavailable", cannotWrite(this.#path, error), { cause: error });
    }
  }
}

function cannotWrite(path: string, error: unknown): string {
  return `Cannot write the audit trail ${path}: ${messageOf(error)}`;
}

/** Ends a line that was torn when the machine stopped, or the next entry would be lost in it. */
async function endLine(file: Deno.FsFile): Promise<void> {
  const { size } = await file.stat();
  if (size === 0) return;
  const last = new Uint8Array(1);
  await file.seek(size - 1, Deno.SeekMode.Start);
  if (await file.read(last) === 1 && last[0] !== NEWLINE) await file.write(Uint8Array.of(NEWLINE));
}

function lineOf({ caller, method, jobId, command, decision, result }: AuditEntry): string {
  return JSON.stringify({
    time: new Date().toISOString(),
    user: caller.identity.user,
    roles: caller.identity.roles,
    fingerprint: caller.fingerprint,
    peer: caller.peer,
    method,
    ...(jobId === "" ? {} : { jobId }),
    ...(command === null ? {} : { argv: [command.name, ...command.args] }),
    decision,
    result,
  }) + "\n";
}
