import { messageOf } from "../errors.ts";
import { FrameConnection } from "../net/frame_connection.ts";
import type { Frame } from "../net/frames.ts";
import { GREETING, isGreeting, isLeft, LEFT, protocolOf } from "./messages.ts";

/** For how long a connection is kept that nobody uses, at least and up to twice as long: both sides hold a descriptor. */
const KEEP_IDLE_MS = 5_000;

/** How long the engine may take to hear that somebody has left, and what it has said before to pass. */
const LEAVE_WITHIN_MS = 1_000;

/** There is no engine at the socket, or none that we understand: nothing has been sent that it could have done. */
export class NotConnected extends Error {
  override readonly name = "NotConnected";
}

/** Connections to an engine. Each is lent to one call at a time, so that nothing goes on beside it. */
export class ConnectionPool implements Disposable {
  readonly #path: string;
  /** The last one was used last. */
  readonly #idle: FrameConnection[] = [];
  /** Those on which the engine has yet to hear that somebody has left, each with what closes it. */
  readonly #left = new Map<FrameConnection, ReturnType<typeof setTimeout>>();
  /** How many of the idle ones, from the first on, nobody has used since the timer was set. */
  #unused = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** @param path the Unix socket of the engine */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Lends one that is idle, or else another one.
   *
   * @throws {NotConnected}; the reason of the signal
   */
  async take(signal?: AbortSignal): Promise<FrameConnection> {
    signal?.throwIfAborted();
    const idle = this.#idle.pop();
    this.#unused = Math.min(this.#unused, this.#idle.length);
    return idle ?? await this.open(signal);
  }

  /**
   * Makes another one, whether or not any is idle.
   *
   * @throws {NotConnected}; the reason of the signal
   */
  async open(signal?: AbortSignal): Promise<FrameConnection> {
    const connection = new FrameConnection(await this.#connect());
    using failed = new DisposableStack();
    failed.use(connection);
    const onAbort = () => connection[Symbol.dispose]();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      void connection.send(GREETING);
      checkGreeting(await connection.receive().catch(() => ({ head: null })));
      // It may have been closed in between.
      signal?.throwIfAborted();
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    failed.move();
    return connection;
  }

  /** Takes one back on which nothing is under way. */
  give(connection: FrameConnection): void {
    if (this.#isClosed) return connection[Symbol.dispose]();
    this.#idle.push(connection);
    this.#timer ??= setTimeout(() => this.#closeUnused(), KEEP_IDLE_MS);
  }

  /**
   * Takes one back with a call whose answer nobody waits for, as soon as the engine has no more to say about that;
   * closes it if this takes too long. Never rejects.
   *
   * @param received the last frame that was asked for, which may not be there yet
   */
  async leave(
    connection: FrameConnection,
    received: Promise<Frame | null> = connection.receive(),
  ): Promise<void> {
    if (this.#isClosed) return connection[Symbol.dispose]();
    const timer = setTimeout(() => connection[Symbol.dispose](), LEAVE_WITHIN_MS);
    this.#left.set(connection, timer);
    try {
      void connection.send(LEFT);
      // Whoever left while it waited for its turn has it read already.
      let frame = await received.catch(() => connection.receive());
      while (frame !== null && !isLeft(frame.head)) frame = await connection.receive();
      if (frame === null) connection[Symbol.dispose]();
      else this.give(connection);
    } catch {
      // What came is no answer.
      connection[Symbol.dispose]();
    } finally {
      clearTimeout(timer);
      this.#left.delete(connection);
    }
  }

  /** Closes those that are idle or left, and the others when they are given back. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const timer of this.#left.values()) clearTimeout(timer);
    for (const connection of [...this.#idle.splice(0), ...this.#left.keys()]) {
      connection[Symbol.dispose]();
    }
  }

  #closeUnused(): void {
    for (const connection of this.#idle.splice(0, this.#unused)) connection[Symbol.dispose]();
    this.#unused = this.#idle.length;
    this.#timer = this.#unused === 0
      ? undefined
      : setTimeout(() => this.#closeUnused(), KEEP_IDLE_MS);
  }

  async #connect(): Promise<Deno.UnixConn> {
    try {
      return await Deno.connect({ transport: "unix", path: this.#path });
    } catch (error) {
      throw new NotConnected(messageOf(error), { cause: error });
    }
  }
}

function checkGreeting(frame: Pick<Frame, "head"> | null): void {
  if (frame === null) throw new NotConnected("it closes the connection");
  if (isGreeting(frame.head)) return;
  const protocol = protocolOf(frame.head);
  throw new NotConnected(
    protocol === undefined
      ? "another program answers there"
      : `another version of it answers there, by protocol ${protocol} and not ${GREETING.protocol}; ` +
        "restart worker-daemon",
  );
}
