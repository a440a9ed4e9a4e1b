/**
 * Writes to standard output and standard error of this process, down to the last byte, whatever they are.
 *
 * Other programs share them: any of them may set `O_NONBLOCK` on the pipe or terminal that we write to,
 * at any time. A write that would have to wait then fails instead.
 *
 * @module
 */

import type { Writable } from "node:stream";
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { StandardOutputThread } from "./standard_output_thread.ts";

/** A pipe takes up to this many bytes whole or not at all; `PIPE_BUF` in pipe(7). */
export const PIPE_BUF = 4_096;

/** The size of the buffer of Rust's `std::io::stdout()`, which `Deno.stdout` goes through. */
const LINE_BUFFER_BYTES = 1_024;

/** How long to wait before a write is tried again, where nothing tells when it would succeed. */
const WAIT_MS = { first: 1, last: 50 };

/** From this many bytes on, a thread of its own writes the many small pieces. */
const MANY_BYTES = 16_384;

const NEWLINE = 0x0a;
const NOTHING = new Uint8Array();

/** The part of `Deno.stdout` and `Deno.stderr` that is needed here. */
type Stream = Pick<typeof Deno.stdout, "write" | "writeSync" | "isTerminal">;

/**
 * One of the two outputs. Writes happen one after the other, in the order of the calls.
 *
 * `Deno.stderr` is simple: a write says how much it took, or that it took nothing. `Deno.stdout` keeps
 * the end of an incomplete line in a buffer, and if it cannot flush that, its error does not say how
 * much it took: repeating the write would repeat bytes, and going on would lose some. So we give it
 * only pieces that it takes whole or not at all.
 */
export class StandardOutput {
  readonly #stream: Stream;
  readonly #fd: 1 | 2;
  /**
   * How many bytes with line ends it takes whole or not at all; `null` for an output that is
   * simple.
   */
  readonly #atomicBytes: number | null;
  /** Waits until it can write; used from the first write on that would have had to wait. */
  #waiting: Writable | null = null;
  #last: Promise<void> = Promise.resolve();
  #thread: StandardOutputThread | null = null;

  private constructor(stream: Stream, fd: 1 | 2, atomicBytes: number | null) {
    this.#stream = stream;
    this.#fd = fd;
    this.#atomicBytes = atomicBytes;
  }

  static stderr(): StandardOutput {
    return new StandardOutput(Deno.stderr, 2, null);
  }

  /**
   * Standard output. `bothOutputs()` finds out what it is; where nobody does, it is written to in small pieces, which is
   * slow and always right.
   *
   * @param atomicBytes how many bytes with line ends it takes whole or not at all; `null` for a file
   */
  static stdout(atomicBytes: number | null = 1): StandardOutput {
    return new StandardOutput(Deno.stdout, 1, atomicBytes);
  }

  get isTerminal(): boolean {
    return this.#stream.isTerminal();
  }

  /**
   * Writes all of the bytes, and waits for the reader where necessary.
   *
   * @throws {Deno.errors.BrokenPipe} if the reader has gone
   */
  write(bytes: Uint8Array): Promise<void> {
    const written = this.#last.then(() => this.#writeAll(bytes));
    this.#last = written.catch(() => {});
    return written;
  }

  /**
   * Does the same, but blocks the whole process, as a write without `O_NONBLOCK` does: for text that must
   * be out before anything else happens. Do not mix it with {@linkcode write}.
   */
  writeSync(bytes: Uint8Array): void {
    let nextWait = doubling(WAIT_MS);
    for (let rest = bytes; rest.length > 0;) {
      const taken = this.writeSomeSync(rest);
      rest = rest.subarray(taken);
      if (taken > 0) nextWait = doubling(WAIT_MS);
      if (rest.length > 0) sleep(nextWait());
    }
  }

  /** Writes only until it would have to wait. Returns how many bytes were taken. */
  writeSomeSync(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length) {
      const piece = this.#pieceOf(bytes.subarray(taken));
      const written = triedSync(() => this.#stream.writeSync(piece));
      if (written === null && !this.#keeps(piece)) break;
      taken += written ?? piece.length;
      const nextWait = doubling(WAIT_MS);
      for (let kept = written === null; kept;) {
        sleep(nextWait());
        kept = triedSync(() => this.#stream.writeSync(NOTHING)) === null;
      }
    }
    return taken;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0 && this.#waiting === null) {
      const piece = this.#pieceOf(rest);
      const taken = piece.length < rest.length && rest.length >= MANY_BYTES
        ? await (this.#thread ??= new StandardOutputThread()).write(rest)
        : await this.#writePiece(piece);
      rest = rest.subarray(taken);
      if (taken === 0) this.#waiting = await waitingWriter(this.#fd, this.isTerminal);
    }
    if (rest.length > 0 && this.#waiting !== null) await writeAndWait(this.#waiting, rest);
  }

  /** Returns how many bytes of the piece were taken; 0 if the write would have to wait. */
  async #writePiece(piece: Uint8Array): Promise<number> {
    const written = await tried(this.#stream.write(piece));
    if (written !== null || !this.#keeps(piece)) return written ?? 0;
    const nextWait = doubling(WAIT_MS);
    do {
      // Only another write brings out what the buffer keeps.
      await delay(nextWait());
    } while (await tried(this.#stream.write(NOTHING)) === null);
    return piece.length;
  }

  /**
   * The next piece to write: one of which we know how much was taken if the write fails. Bytes without a
   * line end that are too long for the buffer bypass it; those that fit are always taken, see `#keeps`.
   * A piece that ends with a line end leaves nothing in the buffer unless it is cut short.
   */
  #pieceOf(bytes: Uint8Array): Uint8Array {
    if (this.#atomicBytes === null) return bytes;
    const lineEnd = bytes.subarray(0, this.#atomicBytes).lastIndexOf(NEWLINE);
    if (lineEnd >= 0) return bytes.subarray(0, lineEnd + 1);
    const next = bytes.indexOf(NEWLINE, this.#atomicBytes);
    return next < 0 ? bytes : bytes.subarray(0, next);
  }

  /** Whether the buffer has taken a piece that could not be written. */
  #keeps(piece: Uint8Array): boolean {
    return this.#atomicBytes !== null && piece.length > 0 && piece.length < LINE_BUFFER_BYTES &&
      !piece.includes(NEWLINE);
  }
}

/** The result of a write; `null` if it would have to wait. */
async function tried(write: Promise<number>): Promise<number | null> {
  try {
    return await write;
  } catch (error) {
    return nullIfFull(error);
  }
}

function triedSync(write: () => number): number | null {
  try {
    return write();
  } catch (error) {
    return nullIfFull(error);
  }
}

function nullIfFull(error: unknown): null {
  if (error instanceof Deno.errors.WouldBlock) return null;
  throw error;
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * A writer that waits until it can write to its descriptor. It sets `O_NONBLOCK`, so we do not use it
 * before another program has done that.
 */
async function waitingWriter(fd: number, isTerminal: boolean): Promise<Writable> {
  const writer = isTerminal
    ? new (await import("node:tty")).WriteStream(fd)
    : new (await import("node:net")).Socket({ fd, readable: false, writable: true });
  // Each write reports its own error.
  writer.on("error", () => {});
  return writer;
}

async function writeAndWait(writer: Writable, bytes: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  writer.write(bytes, (error) => error ? reject(error) : resolve());
  try {
    await promise;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (!["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED"].includes(String(code))) throw error;
    throw new Deno.errors.BrokenPipe("Broken pipe", { cause: error });
  }
}
