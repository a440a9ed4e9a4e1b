import { JobWorkerError } from "../../errors.ts";
import { FrameConnection } from "../../net/frame_connection.ts";
import { isStream } from "../../service/methods.ts";
import type { CallOptions, JobClient } from "../job_client.ts";
import { traced } from "../../tracing/trace.ts";
import { type Call, contentOf, fieldsOf, send } from "./messages.ts";

/** A method of {@linkcode JobClient}, whichever it is. */
type Method = (request: unknown, options: CallOptions) => Promise<unknown> | AsyncIterable<unknown>;

/** Makes calls for others on the one connection that it keeps, until that has not been used for a while. */
export class Keeper {
  readonly #listener: Deno.UnixListener;
  readonly #connections = new Set<FrameConnection>();
  #keepMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #unused = Promise.withResolvers<void>();
  #isClosed = false;

  /** @param keepMs for how long to keep a connection that nobody has used yet */
  constructor(listener: Deno.UnixListener, keepMs: number) {
    this.#listener = listener;
    this.#keepMs = keepMs;
  }

  /** Serves until it is closed and the last call has ended. Whoever comes before the client is there waits. */
  async serve(client: Promise<JobClient>): Promise<void> {
    this.#waitForUse();
    client.catch(() => this.close());
    try {
      for await (const connection of this.#listener) void this.#serve(connection, client);
    } catch (error) {
      if (!this.#isClosed) throw error;
    }
    await this.#unused.promise;
  }

  /** Takes no more calls: whoever comes now connects to the daemon. This removes the socket. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listener.close();
    if (this.#connections.size === 0) this.#unused.resolve();
  }

  /** Tells everybody that the connection to the daemon is being restored. */
  tellReconnecting(): void {
    for (const connection of this.#connections) void send(connection, { kind: "reconnecting" });
  }

  async #serve(accepted: Deno.UnixConn, ready: Promise<JobClient>): Promise<void> {
    clearTimeout(this.#timer);
    const connection = new FrameConnection(accepted);
    this.#connections.add(connection);
    try {
      const client = await ready;
      void send(connection, { kind: "ready" });
      await this.#answer(connection, client);
      await connection.close();
    } catch {
      // There is no connection to the daemon: who is told nothing makes one, and learns why there is none.
      connection[Symbol.dispose]();
    } finally {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#waitForUse();
    }
  }

  async #answer(connection: FrameConnection, client: JobClient): Promise<void> {
    const frames = connection.frames();
    const { value: frame } = await frames.next();
    if (frame === undefined) return;
    const call = contentOf<Call>(frame);
    this.#keepMs = call.keepMs;
    const left = new AbortController();
    // Nothing more is said, so this is the end of the connection.
    const end = () => left.abort();
    frames.next().then(end, end);
    try {
      await traced(
        `kept ${call.method}`,
        { kind: "server", parent: call.trace },
        () => pass(call, { client, connection, signal: left.signal }),
      );
    } catch (error) {
      if (left.signal.aborted) return;
      void send(connection, { kind: "error", error: fieldsOf(error) });
      // The next call had better find out afresh what is wrong.
      if (error instanceof JobWorkerError && error.code === "unavailable") this.close();
    }
  }

  #waitForUse(): void {
    if (this.#isClosed) this.#unused.resolve();
    else this.#timer = setTimeout(() => this.close(), this.#keepMs);
  }
}

/** Makes a call, and says what is answered. */
async function pass(
  { method, request, timeoutMs }: Call,
  { client, connection, signal }: {
    readonly client: JobClient;
    readonly connection: FrameConnection;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const options = { signal, ...(timeoutMs !== undefined && { timeoutMs }) };
  const called = (Reflect.get(client, method) as Method).call(client, request, options);
  if (isStream(method)) {
    for await (const answer of called as AsyncIterable<unknown>) {
      // The next one is read from the daemon when this one has been taken.
      await send(connection, { kind: "answer", answer });
    }
    void send(connection, { kind: "end" });
  } else void send(connection, { kind: "answer", answer: await called });
}
