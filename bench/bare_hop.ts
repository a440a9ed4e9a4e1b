import { delay } from "../lib/async/delay.ts";
import { FrameConnection } from "../lib/net/frame_connection.ts";
import type { Frame } from "../lib/net/frames.ts";
import { SpareBuffers } from "../lib/net/spare_buffers.ts";
import type { BareMessage, BareService } from "./bare_jobs.ts";
import type { BareCommand, BareRun, BareState } from "./bare_run.ts";

/** What is asked for over a socket: one of these at a time, each answered by a frame or some. */
type Call =
  | { readonly run: BareCommand; readonly jobId: string }
  | { readonly start: BareCommand }
  | { readonly messages: string };

/** Answers calls at a Unix socket. */
export function serveCalls(
  path: string,
  answer: (call: Call, connection: FrameConnection) => Promise<void>,
): void {
  const listener = Deno.listen({ transport: "unix", path });
  const serve = async (accepted: Deno.Conn) => {
    using connection = new FrameConnection(accepted);
    for await (const { head } of connection.frames()) await answer(head as Call, connection);
  };
  void (async () => {
    for await (const accepted of listener) void serve(accepted);
  })();
}

/** Answers a call with how far a job is. */
export async function answerRun(run: BareRun, connection: FrameConnection): Promise<void> {
  for await (const state of run) await connection.send(state);
}

/** Answers a call with what a job has printed. */
export async function answerMessages(
  messages: AsyncIterable<BareMessage>,
  connection: FrameConnection,
): Promise<void> {
  for await (const { pieces, hasEnded } of messages) await connection.send({ hasEnded }, pieces);
}

/** Calls a socket, by connections that each have one call at a time. */
export class BareHop implements BareService, Disposable {
  readonly #path: string;
  readonly #idle: FrameConnection[] = [];
  readonly #buffers = new SpareBuffers();

  private constructor(path: string) {
    this.#path = path;
  }

  /** Waits until somebody listens at a socket. */
  static async connect(path: string): Promise<BareHop> {
    for (;;) {
      try {
        (await Deno.connect({ transport: "unix", path })).close();
        return new BareHop(path);
      } catch {
        await delay(10);
      }
    }
  }

  async *run(jobId: string, command: BareCommand): BareRun {
    for await (const { head } of this.#call({ run: command, jobId })) yield head as BareState;
  }

  async start(command: BareCommand): Promise<string> {
    for await (const { head } of this.#call({ start: command })) {
      return (head as { jobId: string }).jobId;
    }
    throw new Error("The socket is closed");
  }

  async *messages(jobId: string): AsyncGenerator<BareMessage, void, undefined> {
    for await (const { head, bytes } of this.#call({ messages: jobId })) {
      const { hasEnded } = head as { hasEnded: boolean };
      yield { pieces: hasEnded ? [] : [bytes], hasEnded };
      this.#buffers.give(bytes.buffer);
    }
  }

  /** Closes the connections that nobody uses. */
  [Symbol.dispose](): void {
    for (const connection of this.#idle.splice(0)) connection[Symbol.dispose]();
  }

  /** The frames that answer a call; whoever does not take the last of them closes the connection. */
  async *#call(call: Call): AsyncGenerator<Frame, void, undefined> {
    const connection = this.#idle.pop() ??
      new FrameConnection(await Deno.connect({ transport: "unix", path: this.#path }));
    let isWhole = false;
    try {
      void connection.send(call);
      for (;;) {
        const frame = await connection.receive({ buffers: this.#buffers });
        if (frame === null) throw new Error("The socket is closed");
        const { code, jobId, hasEnded } = frame.head as Record<string, unknown>;
        isWhole = typeof code === "number" || jobId !== undefined || hasEnded === true;
        yield frame;
        if (isWhole) return;
      }
    } finally {
      if (isWhole) this.#idle.push(connection);
      else connection[Symbol.dispose]();
    }
  }
}
