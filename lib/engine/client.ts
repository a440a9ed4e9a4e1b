import { abortable } from "../async/abortable.ts";
import { Turns } from "../async/turns.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { FrameConnection, ReceiveOptions } from "../net/frame_connection.ts";
import type { Frame } from "../net/frames.ts";
import { SpareBuffers } from "../net/spare_buffers.ts";
import type { CallContext, JobService } from "../service/job_service.ts";
import {
  type AnswerOf,
  isStream,
  JOB_METHODS,
  type JobMethod,
  type RequestOf,
  type StreamMethod,
  type UnaryMethod,
} from "../service/methods.ts";
import { ConnectionLimit } from "./connection_limit.ts";
import { ConnectionPool, NotConnected } from "./connection_pool.ts";
import { decodeAnswer, decodeMessage, encodeCall, type Message } from "./messages.ts";

/** Answers up to this size, which nearly all are, take no turn: they are passed on at once. */
const SMALL_ANSWER_BYTES = 16 * 1024;

/** Options of an {@linkcode EngineClient}. */
export interface EngineClientOptions {
  /** Called when a call cannot connect, to have the socket created again if possible. */
  readonly restoreSocket?: () => Promise<void>;
  /** The most connections at once; each holds a descriptor. 4096 by default, as many as the engine takes calls. */
  readonly maxConnections?: number;
}

/** The constructor makes every method of the service, from what `METHODS` says of it. */
export interface EngineClient extends JobService {}

/**
 * The `JobService` of the engine, called from another process. The bytes in an item of a stream are good until the
 * next item is asked for.
 */
export class EngineClient implements Disposable {
  readonly #path: string;
  readonly #restoreSocket: (() => Promise<void>) | undefined;
  readonly #connections: ConnectionPool;
  readonly #connectionLimit: ConnectionLimit;
  /** Large answers are unpacked and passed on in turn, user by user. */
  readonly #turns = new Turns();
  readonly #buffers = new SpareBuffers();

  /** @param path the Unix socket of the engine */
  constructor(path: string, options: EngineClientOptions = {}) {
    this.#path = path;
    this.#restoreSocket = options.restoreSocket;
    this.#connections = new ConnectionPool(path);
    this.#connectionLimit = new ConnectionLimit(options.maxConnections ?? 4096);
    const methods = JOB_METHODS.map((method) => [
      method,
      isStream(method) ? this.#streaming(method) : this.#unary(method),
    ]);
    Object.assign(this, Object.fromEntries(methods));
  }

  /** @throws `unavailable` unless an engine answers at the socket */
  async reach(): Promise<void> {
    try {
      this.#connections.give(await this.#connections.open());
    } catch (error) {
      const text = `Cannot reach the job engine at its socket "${this.#path}": ${messageOf(error)}`;
      throw new JobWorkerError("unavailable", text, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]();
  }

  #unary<Name extends UnaryMethod>(method: Name) {
    return async (request: RequestOf<Name>, context: CallContext): Promise<AnswerOf<Name>> => {
      try {
        using call = await this.#call(method, request, context);
        const message = await call.next();
        if (message.kind !== "value") throw gone("the answer is empty");
        call.end();
        return decodeAnswer(method, message.value, message.bytes);
      } catch (error) {
        throw failure(error, context);
      }
    };
  }

  #streaming<Name extends StreamMethod>(method: Name) {
    const begin = (request: RequestOf<Name>, context: CallContext) =>
      this.#call(method, request, context);
    const buffers = this.#buffers;
    return async function* (
      request: RequestOf<Name>,
      context: CallContext,
    ): AsyncGenerator<AnswerOf<Name>, void, undefined> {
      try {
        using call = await begin(request, context);
        for (;;) {
          const message = await call.next(buffers);
          if (message.kind === "end") return call.end();
          const { value, bytes } = message;
          yield decodeAnswer(method, value, bytes);
          buffers.give(bytes.buffer);
        }
      } catch (error) {
        throw failure(error, context);
      }
    };
  }

  async #call<Name extends JobMethod>(
    method: Name,
    request: RequestOf<Name>,
    context: CallContext,
  ): Promise<Call> {
    const { caller, signal } = context;
    using admission = new DisposableStack();
    admission.use(await this.#connectionLimit.acquire(caller.identity.user, signal));
    const connection = await this.#connections.take(signal).catch(async (error) => {
      // Nothing was sent, so it can be tried again.
      if (!(error instanceof NotConnected) || this.#restoreSocket === undefined) throw error;
      await abortable(this.#restoreSocket(), signal);
      return await this.#connections.take(signal);
    });
    if (signal.aborted) {
      this.#connections.give(connection);
      throw signal.reason;
    }
    void connection.send(...encodeCall(method, request, caller));
    const parts = { connections: this.#connections, turns: this.#turns };
    return new Call(connection, context, { ...parts, admission: admission.move() });
  }
}

/** A call that was sent, on a connection that it has for itself. */
class Call implements Disposable {
  readonly #connection: FrameConnection;
  readonly #context: CallContext;
  readonly #connections: ConnectionPool;
  readonly #admission: Disposable;
  readonly #turn: NonNullable<ReceiveOptions["turn"]>;
  readonly #leave = () => {
    this.#stopWaiting(this.#context.signal.reason);
    void this.#giveBack();
  };
  /** The last frame that was asked for, which may not be there yet. */
  #received: Promise<Frame | null> | undefined;
  #stopWaiting: (reason: unknown) => void = () => {};
  /** `left` once nobody waits for more. */
  #state: "open" | "ended" | "left" = "open";

  constructor(
    connection: FrameConnection,
    context: CallContext,
    { connections, turns, admission }: {
      readonly connections: ConnectionPool;
      readonly turns: Turns;
      /** Disposed of with the call, once nothing more comes of it. */
      readonly admission: Disposable;
    },
  ) {
    const { caller, signal } = context;
    this.#connection = connection;
    this.#context = context;
    this.#connections = connections;
    this.#admission = admission;
    this.#turn = (bytes) =>
      bytes > SMALL_ANSWER_BYTES ? turns.next(caller.identity.user, signal) : undefined;
    signal.addEventListener("abort", this.#leave, { once: true });
  }

  /** @throws what the engine says has failed; `unavailable` if it says no more; the reason of the signal */
  async next(buffers?: SpareBuffers): Promise<Exclude<Message, { kind: "error" }>> {
    const { signal } = this.#context;
    signal.throwIfAborted();
    const options = { turn: this.#turn, ...(buffers !== undefined && { buffers }) };
    const { promise, resolve, reject } = Promise.withResolvers<Frame | null>();
    this.#stopWaiting = reject;
    this.#received = this.#connection.receive(options);
    this.#received.then(resolve, reject);
    const frame = await promise;
    if (frame === null) throw gone("the answer was cut off");
    const message = decodeMessage(frame);
    if (message.kind !== "error") return message;
    if (!message.isRefusal) this.end();
    throw message.error;
  }

  /** Says that the whole answer is here. */
  end(): void {
    if (this.#state === "open") this.#state = "ended";
  }

  [Symbol.dispose](): void {
    this.#context.signal.removeEventListener("abort", this.#leave);
    this.#leave();
  }

  /** Never rejects. */
  async #giveBack(): Promise<void> {
    if (this.#state === "left") return;
    const hasEnded = this.#state === "ended";
    this.#state = "left";
    using _admission = this.#admission;
    if (hasEnded) this.#connections.give(this.#connection);
    else await this.#connections.leave(this.#connection, this.#received);
  }
}

function failure(error: unknown, { signal }: CallContext): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof JobWorkerError ? error : gone(messageOf(error), error);
}

function gone(why: string, cause?: unknown): JobWorkerError {
  return new JobWorkerError("unavailable", `The job engine does not answer: ${why}`, { cause });
}
