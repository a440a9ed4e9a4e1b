import { flushFile } from "../lib/files/flush.ts";
import { type BareLog, type BareLogs, type BareReader, MESSAGE_BYTES } from "./bare_logs.ts";

/** So much is flushed while a job prints on: its end waits for what is left. */
const FLUSH_BYTES = 8 * 1024 * 1024;

/** Logs that are files, one for each job that prints anything. */
export class BareFiles implements BareLogs {
  readonly #directory: string;

  /** @param directory is there, and holds none yet */
  constructor(directory: string) {
    this.#directory = directory;
  }

  write(jobId: string): BareLog {
    return new FileLog(this.#path(jobId));
  }

  read(jobId: string): BareReader {
    return new FileReader(this.#path(jobId));
  }

  #path(jobId: string): string {
    return `${this.#directory}/${jobId}`;
  }
}

class FileLog implements BareLog {
  readonly #path: string;
  #file: Deno.FsFile | null = null;
  #unflushed = 0;
  #flushing: Promise<void> | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  write(piece: Uint8Array<ArrayBuffer>): ArrayBuffer {
    const file = this.#file ??= Deno.openSync(this.#path, { write: true, createNew: true });
    for (let at = 0; at < piece.byteLength;) at += file.writeSync(piece.subarray(at));
    this.#unflushed += piece.byteLength;
    if (this.#unflushed >= FLUSH_BYTES && this.#flushing === null) {
      this.#unflushed = 0;
      this.#flushing = flushFile(this.#path).then(() => {
        this.#flushing = null;
      });
    }
    return piece.buffer;
  }

  async end(): Promise<void> {
    await this.#flushing;
    using file = this.#file;
    await file?.syncData();
  }
}

class FileReader implements BareReader {
  readonly #path: string;
  #file: Deno.FsFile | null = null;
  #buffer = new Uint8Array();

  constructor(path: string) {
    this.#path = path;
  }

  async next(bytes: number): Promise<readonly Uint8Array<ArrayBuffer>[]> {
    const file = this.#file ??= await Deno.open(this.#path);
    const size = Math.min(bytes, MESSAGE_BYTES);
    if (this.#buffer.byteLength < size) this.#buffer = new Uint8Array(size);
    const length = await file.read(this.#buffer) ?? 0;
    return [this.#buffer.subarray(0, length)];
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }
}
