import { writeFully } from "../files/flush.ts";
import { closeConnection } from "./close_connection.ts";
import { concat, decodeFrames, encodeFrame, type Frame } from "./frames.ts";

/** How much is read at once, in bytes. */
const READ_BYTES = 64 * 1024;

/**
 * Frames both ways over a connection. It reads and writes without the streams of the platform, which cost
 * several times as much for small frames.
 */
export class FrameConnection implements Disposable {
  readonly #connection: Deno.Conn;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #flushing: Promise<void> | null = null;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /**
   * Sends a frame, after those before it. What is sent in one turn goes in one write.
   *
   * @returns once it is with the operating system; or the connection is broken, which the end of
   *   {@linkcode frames} tells
   */
  send(head: unknown, parts: readonly Uint8Array<ArrayBuffer>[] = []): Promise<void> {
    this.#waiting.push(encodeFrame(head, parts));
    return this.#flushing ??= this.#flush();
  }

  /** What the other side sends, until the connection ends. It may end in the middle of a frame. */
  async *frames(): AsyncGenerator<Frame, void, undefined> {
    yield* decodeFrames(this.#pieces());
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
        const frames = this.#waiting;
        this.#waiting = [];
        await writeFully(this.#connection, concat(frames));
      }
    } catch {
      this.#waiting = [];
    } finally {
      this.#flushing = null;
    }
  }

  async *#pieces(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        const length = await this.#connection.read(buffer);
        if (length === null) return;
        yield buffer.slice(0, length);
      }
    } catch {
      // It is broken, or closed by us.
    }
  }
}
