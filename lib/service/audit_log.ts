import { concat } from "../concat.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { Audit, AuditEntry, Refusal } from "./audit.ts";
import { auditLine, lossLine, refusalLine } from "./audit_line.ts";

const NEWLINE = 0x0a;

/** So many bytes are set aside while the disk takes none. No job can be started meanwhile. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * The audit trail as a file: one line of JSON an entry, appended, readable by its owner only.
 * Entries of calls that come together are written together.
 */
export class AuditLog implements Audit, AsyncDisposable {
  readonly #path: string;
  #file: Deno.FsFile;
  readonly #onFault: (error: unknown) => void;
  #waiting: Uint8Array[] = [];
  /** Of what waits, and of what is being written. */
  #waitingBytes = 0;
  /** So many entries found no room while nothing could be written: it is to be told once it can. */
  #lost = 0;
  #busy: Promise<void> | null = null;

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
    return new AuditLog(path, await openTrail(path), onFault);
  }

  /** Goes on in a new file if the present one was renamed, as logrotate(8) does. Never rejects. */
  async reopen(): Promise<void> {
    try {
      // In turn with what is written, so that each line is whole in one of the two.
      await this.#inTurn(() => this.#openAnew());
    } catch (error) {
      this.#onFault(error);
    }
  }

  async write(entry: AuditEntry): Promise<void> {
    await this.#append(this.#lineOf(entry));
  }

  async refuse(refusal: Refusal): Promise<void> {
    await this.#append(refusalLine(refusal));
  }

  async #append(text: string): Promise<void> {
    const line = new TextEncoder().encode(text);
    try {
      // What can be written makes room.
      if (this.#waitingBytes >= MOST_WAITING_BYTES) await this.#makeRoom();
      this.#waiting.push(line);
      this.#waitingBytes += line.byteLength;
      await this.#flush();
    } catch (error) {
      this.#onFault(error);
    }
  }

  async assertWritable(): Promise<void> {
    if (this.#waiting.length === 0 || this.#busy !== null) return;
    await this.#flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flush().catch(this.#onFault);
    this.#file.close();
  }

  /** An entry that makes no sense must not go unnoticed for it. */
  #lineOf(entry: AuditEntry): string {
    try {
      return auditLine(entry);
    } catch (error) {
      this.#onFault(error);
      return auditLine({ ...entry, jobId: "", command: null });
    }
  }

  async #makeRoom(): Promise<void> {
    try {
      await this.#flush();
    } catch (error) {
      this.#lost++;
      throw error;
    }
  }

  /** All who call in the same turn share one write; those who call during a write share the next. */
  async #flush(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#waiting.length > 0) await this.#writeWaiting();
    });
  }

  /** Does something with the file, of which one is done at a time. */
  async #inTurn(act: () => Promise<void>): Promise<void> {
    while (this.#busy !== null) await this.#busy.catch(() => {});
    this.#busy = act();
    try {
      await this.#busy;
    } finally {
      this.#busy = null;
    }
  }

  async #openAnew(): Promise<void> {
    const file = await openTrail(this.#path);
    this.#file.close();
    this.#file = file;
  }

  async #writeWaiting(): Promise<void> {
    let { size, nlink } = await this.#file.stat();
    if (nlink === 0) {
      // What is written to it would be gone with it.
      await this.#openAnew();
      this.#onFault(new Error(`The audit trail ${this.#path} was removed: it begins anew`));
      ({ size } = await this.#file.stat());
    }
    // Taken after that wait, and all at once: what comes from now on is for the next write.
    const lines = this.#waiting;
    const lost = this.#lost;
    this.#waiting = [];
    const loss = lost === 0 ? [] : [new TextEncoder().encode(lossLine(lost))];
    const bytes = concat([...lines, ...loss]);
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
    this.#lost -= lost;
    for (const { byteLength } of lines) this.#waitingBytes -= byteLength;
  }
}

function cannotWrite(path: string, error: unknown): string {
  return `Cannot write the audit trail ${path}: ${messageOf(error)}`;
}

async function openTrail(path: string): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { read: true, append: true, create: true, mode: 0o600 });
  try {
    await endLine(file);
    return file;
  } catch (error) {
    file.close();
    throw new JobWorkerError("unavailable", cannotWrite(path, error), { cause: error });
  }
}

/** Ends a line that was torn when the machine stopped, or the next entry would be lost in it. */
async function endLine(file: Deno.FsFile): Promise<void> {
  const { size } = await file.stat();
  if (size === 0) return;
  const last = new Uint8Array(1);
  await file.seek(size - 1, Deno.SeekMode.Start);
  if (await file.read(last) === 1 && last[0] !== NEWLINE) await file.write(Uint8Array.of(NEWLINE));
}
