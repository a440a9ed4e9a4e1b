import { abortable } from "../../async/abortable.ts";
import { FrameConnection } from "../../net/frame_connection.ts";
import type { CallOptions } from "../job_client.ts";
import { type Call, contentOf, errorOf, type Message, send } from "./messages.ts";

/** How long a keeper may take to say that it is ready; it may be connecting just now. */
const READY_MS = 1_000;

/** The keeper does not answer, or has gone in the middle of a call. */
export class KeeperLost extends Error {
  override readonly name = "KeeperLost";
  /** Whether the daemon may have been asked. */
  readonly wasAsked: boolean;

  constructor(options: { wasAsked: boolean }) {
    super("The process that keeps the connection is not there any more");
    this.wasAsked = options.wasAsked;
  }
}

/** A connection to a keeper that is ready for one call. */
export class Line implements Disposable {
  readonly #connection: FrameConnection;
  readonly #frames: ReturnType<FrameConnection["frames"]>;

  private constructor(
    connection: FrameConnection,
    frames: ReturnType<FrameConnection["frames"]>,
  ) {
    this.#connection = connection;
    this.#frames = frames;
  }

  /**
   * Connects, and waits until the keeper is ready.
   *
   * @throws what connecting throws; {@linkcode KeeperLost} if nothing comes of it
   */
  static async open(path: string): Promise<Line> {
    const connection = new FrameConnection(await Deno.connect({ transport: "unix", path }));
    const frames = connection.frames();
    const line = new Line(connection, frames);
    // It may be suspended, and would do whenever it goes on what it had been asked.
    const first = await abortable(frames.next(), AbortSignal.timeout(READY_MS)).catch(() => null);
    if (first !== null && !first.done) return line;
    line[Symbol.dispose]();
    throw new KeeperLost({ wasAsked: false });
  }

  /**
   * Makes the call, and closes the connection.
   *
   * @throws what the call throws; {@linkcode KeeperLost}
   */
  async *answers(
    call: Call,
    { signal, onReconnecting }: CallOptions & { onReconnecting: () => void },
  ): AsyncGenerator<unknown, void, undefined> {
    using _ = this;
    signal?.throwIfAborted();
    const onAbort = () => this[Symbol.dispose]();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      void send(this.#connection, call);
      for await (const frame of this.#frames) {
        const message = contentOf<Message>(frame);
        if (message.kind === "answer") yield message.answer;
        else if (message.kind === "end") return;
        else if (message.kind === "error") throw errorOf(message.error);
        else if (message.kind === "reconnecting") onReconnecting();
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    signal?.throwIfAborted();
    throw new KeeperLost({ wasAsked: true });
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }
}
