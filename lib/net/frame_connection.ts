import { writeFully } from "../files/flush.ts";
import { closeConnection } from "./close_connection.ts";
import { concat, decodeFrame, type Frame, framePieces, frameSize, PREFIX_BYTES } from "./frames.ts";
import type { SpareBuffers } from "./spare_buffers.ts";

/** How much is read before it is known how much comes, in bytes. Every connection that waits holds as much. */
const READ_BYTES = 4 * 1024;

/** Pieces below this size are copied into one write with others, which costs less than another write. */
const LARGE_PIECE_BYTES = 16 * 1024;

/** Options of {@linkcode FrameConnection.receive}. */
export interface ReceiveOptions {
  /** Waits before a frame of this size is unpacked, which may take a while. By default there is no need to. */
  readonly turn?: (bytes: number) => Promise<void> | undefined;
  /** Where to take the buffer for a large frame from. By default it has one of its own. */
  readonly buffers?: SpareBuffers;
}

/**
 * Frames both ways over a connection. It reads and writes without the streams of the platform, which cost
 * several times as much.
 */
export class FrameConnection implements Disposable {
  readonly #connection: Pick<Deno.Conn, "read" | "write" | "close">;
  readonly #maxFrameBytes: number;
  /** What is read without knowing what comes; what nobody has taken yet is from here to there. */
  readonly #ahead = new Uint8Array(READ_BYTES);
  #from = 0;
  #to = 0;
  #begun: Promise<number | null> | null = null;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #flushing: Promise<void> | null = null;

  /** @param maxFrameBytes the size of the largest frame that is accepted */
  constructor(
    connection: Pick<Deno.Conn, "read" | "write" | "close">,
    maxFrameBytes: number = 64 * 1024 * 1024,
  ) {
    this.#connection = connection;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /**
   * Sends a frame, after those before it. What is sent in one turn goes in one write, unless it is large: then it
   * is not copied, and must stay as it is.
   *
   * @returns once it is with the operating system; or the connection is broken, which the end of
   *   {@linkcode frames} tells
   */
  send(head: unknown, parts: readonly Uint8Array<ArrayBuffer>[] = []): Promise<void> {
    this.#waiting.push(...framePieces(head, parts));
    return this.#flushing ??= this.#flush();
  }

  /**
   * Waits until the next frame begins to arrive.
   *
   * @returns its size in bytes; `null` if the connection ends before
   * @throws if it is too large
   */
  begin(): Promise<number | null> {
    return this.#begun ??= this.#begin();
  }

  /**
   * Waits for the next frame.
   *
   * @returns `null` if the connection ends, be it in the middle of a frame
   * @throws if it is too large, or its head is no JSON
   */
  async receive({ turn, buffers }: ReceiveOptions = {}): Promise<Frame | null> {
    const size = await this.begin();
    if (size === null) return null;
    const whole = await this.#take(size, buffers);
    if (whole === null) return null;
    this.#begun = null;
    await turn?.(size);
    return decodeFrame(whole);
  }

  /** What the other side sends, until the connection ends. It may end in the middle of a frame. */
  async *frames(): AsyncGenerator<Frame, void, undefined> {
    for (;;) {
      const frame = await this.receive();
      if (frame === null) return;
      yield frame;
    }
  }

  /** Closes the connection, once what was sent is written. */
  async close(): Promise<void> {
    await this.#flushing;
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    closeConnection(this.#connection);
  }

  async #flush(): Promise<void> {
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        const pieces = this.#waiting;
        this.#waiting = [];
        for (const piece of joined(pieces)) await writeFully(this.#connection, piece);
      }
    } catch {
      this.#waiting = [];
    } finally {
      this.#flushing = null;
    }
  }

  async #begin(): Promise<number | null> {
    while (this.#to - this.#from < PREFIX_BYTES) {
      this.#ahead.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
      const length = await this.#read(this.#ahead.subarray(this.#to));
      if (length === 0) return null;
      this.#to += length;
    }
    const size = frameSize(this.#ahead.subarray(this.#from));
    if (size <= this.#maxFrameBytes) return size;
    throw new Error(`A frame of ${size} bytes is larger than ${this.#maxFrameBytes}`);
  }

  /** Takes so many bytes; what has not been read yet goes directly to where it stays. */
  async #take(size: number, buffers?: SpareBuffers): Promise<Uint8Array<ArrayBuffer> | null> {
    const ahead = this.#ahead.subarray(this.#from, Math.min(this.#to, this.#from + size));
    this.#from += ahead.byteLength;
    if (ahead.byteLength === size) return ahead.slice();
    const whole = new Uint8Array(buffers?.take(size) ?? new ArrayBuffer(size), 0, size);
    whole.set(ahead);
    for (let filled = ahead.byteLength; filled < size;) {
      const length = await this.#read(whole.subarray(filled));
      if (length === 0) return null;
      filled += length;
    }
    return whole;
  }

  /** @returns how many bytes; 0 if no more come */
  async #read(into: Uint8Array<ArrayBuffer>): Promise<number> {
    try {
      return await this.#connection.read(into) ?? 0;
    } catch {
      // It is broken, or closed by us.
      return 0;
    }
  }
}

/** The same bytes in as few pieces as is worth it. */
function* joined(
  pieces: readonly Uint8Array<ArrayBuffer>[],
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  let small: Uint8Array<ArrayBuffer>[] = [];
  for (const piece of pieces) {
    if (piece.byteLength < LARGE_PIECE_BYTES) {
      small.push(piece);
      continue;
    }
    if (small.length > 0) yield concat(small);
    small = [];
    yield piece;
  }
  if (small.length > 0) yield concat(small);
}
