/**
 * Standard output and standard error of this process, to the last byte, whatever they are.
 *
 * They belong to others too: a program beside us may have set `O_NONBLOCK` on the pipe or terminal that
 * we write to, and may do so at any time. A write that would have to wait then fails instead.
 *
 * @module
 */

import { fstatSync, type Stats } from "node:fs";
import type { Writable } from "node:stream";
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { StandardOutputThread } from "./standard_output_thread.ts";

/** So many bytes a pipe takes whole or not at all; `PIPE_BUF` in pipe(7). */
const PIPE_BUF = 4_096;

/** The size of the buffer of Rust's `std::io::stdout()`, which `Deno.stdout` goes through. */
const LINE_BUFFER_BYTES = 1_024;

/** How long to wait until what only trying tells is tried again. */
const WAIT_MS = { first: 1, last: 50 };

/** From so many bytes on, many small pieces are written by a thread of their own. */
const MANY_BYTES = 16_384;

const NEWLINE = 0x0a;
const NOTHING = new Uint8Array();

/** What of `Deno.stdout` and `Deno.stderr` is needed. */
type Stream = Pick<typeof Deno.stdout, "write" | "writeSync" | "isTerminal">;

/**
 * One of the two outputs. Writes are made one after the other, in the order of the calls.
 *
 * `Deno.stderr` is simple: a write tells how much it took, or that it took nothing. `Deno.stdout` has a
 * buffer for the end of what was cut short, and where that cannot be flushed, the error does not tell
 * how much was taken: to repeat the write would repeat bytes, to go on would lose some. So it is given
 * only pieces that are taken whole or not at all.
 */
export class StandardOutput {
  readonly #stream: Stream;
  readonly #fd: 1 | 2;
  /** How many bytes with line ends in them are taken whole or not at all; `null` where all is simple. */
  readonly #atomicBytes: number | null;
  /** Waits until it can be written, from the first time on that it could not. */
  #patient: Writable | null = null;
  #last: Promise<void> = Promise.resolve();
  #thread: StandardOutputThread | null = null;

  private constructor(stream: Stream, fd: 1 | 2, atomicBytes: number | null) {
    this.#stream = stream;
    this.#fd = fd;
    this.#atomicBytes = atomicBytes;
  }

  /** Both outputs of this process: the same one twice if they go to one terminal, pipe or socket. */
  static both(): { readonly stdout: StandardOutput; readonly stderr: StandardOutput } {
    const [out, err] = [fstatSync(1), fstatSync(2)];
    const stderr = new StandardOutput(Deno.stderr, 2, null);
    if (isSame(out, err)) return { stdout: stderr, stderr };
    const atomicBytes = out.isFIFO()
      ? PIPE_BUF
      : out.isSocket() || Deno.stdout.isTerminal()
      ? 1
      : null;
    return { stdout: new StandardOutput(Deno.stdout, 1, atomicBytes), stderr };
  }

  get isTerminal(): boolean {
    return this.#stream.isTerminal();
  }

  /**
   * Writes all of the bytes, waiting for whoever reads them.
   *
   * @throws {Deno.errors.BrokenPipe} if nobody reads them any more
   */
  write(bytes: Uint8Array): Promise<void> {
    const written = this.#last.then(() => this.#writeAll(bytes));
    this.#last = written.catch(() => {});
    return written;
  }

  /**
   * The same with the whole process waiting, as it does where the output is not set to `O_NONBLOCK`: for
   * words that must be out before anything else happens. Not to be mixed with {@linkcode write}.
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

  /** The same, but only until it would have to wait. Returns how many bytes were taken. */
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
    while (rest.length > 0 && this.#patient === null) {
      const piece = this.#pieceOf(rest);
      const taken = piece.length < rest.length && rest.length >= MANY_BYTES
        ? await (this.#thread ??= new StandardOutputThread()).write(rest)
        : await this.#writePiece(piece);
      rest = rest.subarray(taken);
      if (taken === 0) this.#patient = await patientWriter(this.#fd, this.isTerminal);
    }
    if (rest.length > 0 && this.#patient !== null) await writePatiently(this.#patient, rest);
  }

  /** Returns how many bytes of the piece were taken, 0 if it would have to wait. */
  async #writePiece(piece: Uint8Array): Promise<number> {
    const written = await tried(this.#stream.write(piece));
    if (written !== null || !this.#keeps(piece)) return written ?? 0;
    const nextWait = doubling(WAIT_MS);
    do {
      // What the buffer keeps, nothing but trying brings out.
      await delay(nextWait());
    } while (await tried(this.#stream.write(NOTHING)) === null);
    return piece.length;
  }

  /**
   * What may be written at once so that it is known how much was taken if that fails. What has no line
   * end and is too long for the buffer passes by it; what fits in is always taken, see `#keeps`. What
   * ends with its last line end leaves nothing for the buffer, if it is not cut short.
   */
  #pieceOf(bytes: Uint8Array): Uint8Array {
    if (this.#atomicBytes === null) return bytes;
    const lineEnd = bytes.subarray(0, this.#atomicBytes).lastIndexOf(NEWLINE);
    if (lineEnd >= 0) return bytes.subarray(0, lineEnd + 1);
    const next = bytes.indexOf(NEWLINE, this.#atomicBytes);
    return next < 0 ? bytes : bytes.subarray(0, next);
  }

  /** Whether a piece that could not be written has been taken, into the buffer. */
  #keeps(piece: Uint8Array): boolean {
    return this.#atomicBytes !== null && piece.length > 0 && piece.length < LINE_BUFFER_BYTES &&
      !piece.includes(NEWLINE);
  }
}

/** What a write returns; `null` if it would have to wait. */
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

/** Whether both lead to the same terminal, pipe or socket. Two descriptors of a file have a place each. */
function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino && !one.isFile();
}

/**
 * A writer that waits until its descriptor can be written. It sets `O_NONBLOCK`, which is why it is not
 * used before that is set.
 */
async function patientWriter(fd: number, isTerminal: boolean): Promise<Writable> {
  const writer = isTerminal
    ? new (await import("node:tty")).WriteStream(fd)
    : new (await import("node:net")).Socket({ fd, readable: false, writable: true });
  // Each write is told of its error.
  writer.on("error", () => {});
  return writer;
}

async function writePatiently(writer: Writable, bytes: Uint8Array): Promise<void> {
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
