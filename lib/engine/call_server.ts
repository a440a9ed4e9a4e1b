import { abortable } from "../async/abortable.ts";
import { KeyedSemaphore } from "../async/keyed_semaphore.ts";
import { Semaphore } from "../async/semaphore.ts";
import { JobWorkerError } from "../errors.ts";
import { FrameConnection } from "../net/frame_connection.ts";
import type { CallContext, JobService } from "../service/job_service.ts";
import {
  isOpenEnded,
  isStream,
  type JobMethod,
  METHODS,
  type UnaryMethod,
} from "../service/methods.ts";
import { traced } from "../tracing/trace.ts";
import { CallLimit, type CountedCall } from "./call_limit.ts";
import {
  callSchema,
  decodeRequest,
  encodeAnswer,
  END,
  errorHead,
  GREETING,
  isGreeting,
  isLeft,
  LEFT,
} from "./messages.ts";

/** More than a gateway accepts from its clients, even if JSON escapes every byte. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;

/** Requests up to this size, which nearly all are, are read right away, and before they count. */
const SMALL_REQUEST_BYTES = 16 * 1024;

/** The bytes of larger requests that are read at a time, and that may wait for it before more are refused. */
const LARGE_REQUESTS = {
  total: 64 * 1024 * 1024,
  maxWaiting: 128 * 1024 * 1024,
  refusal: "Too many large requests at once: more than 128 MiB wait to be read",
};

/**
 * The pages that are put together and passed on for a user at a time. A call that is small waits behind all that
 * is on its way through the sockets: 60 pages of 1 MiB make it take 450 ms, and 2 of them half of that [measured].
 * How many wait is bounded by the calls of a user.
 */
const PAGES_PER_USER = { total: 2, maxWaiting: Infinity, refusal: "" };

/** How long a gateway has, at the end, to take the answers that are on their way to it. */
const TAKEN_WITHIN_MS = 1_000;

/** Options of {@linkcode CallServer}. */
export interface CallServerOptions {
  /** Told of internal errors: the caller only learns that there was one. */
  readonly onFault: (error: unknown, method: string) => void;
  /** The most calls at once; each holds a descriptor or two. 4096 by default. */
  readonly maxCalls?: number;
  /** A quarter of `maxCalls` by default. */
  readonly maxCallsPerUser?: number;
}

/** Answers the calls of a `JobService` that come on connections, until it is disposed of. */
export class CallServer implements AsyncDisposable {
  readonly #service: JobService;
  readonly #onFault: CallServerOptions["onFault"];
  readonly #closing = new AbortController();
  readonly #callLimit: CallLimit;
  readonly #largeRequests = new Semaphore(LARGE_REQUESTS);
  readonly #pages = new KeyedSemaphore<string>(PAGES_PER_USER);
  /** Every open connection, until it is served no more. */
  readonly #serving = new Map<FrameConnection, Promise<void>>();
  /** The connections without a call. */
  readonly #idle = new Set<FrameConnection>();
  /** The calls that end when their callers leave, or we close. */
  readonly #calls = new Set<AbortController>();

  constructor(service: JobService, options: CallServerOptions) {
    this.#service = service;
    this.#onFault = options.onFault;
    const { maxCalls = 4096, maxCallsPerUser = Math.ceil(maxCalls / 4) } = options;
    this.#callLimit = new CallLimit({ maxCalls, maxCallsPerUser });
  }

  /** Serves a connection until the gateway closes it, or we are disposed of. */
  serve(accepted: Deno.UnixConn): void {
    const connection = new FrameConnection(accepted, MAX_REQUEST_BYTES);
    this.#serving.set(connection, this.#serve(connection));
  }

  /** Ends the calls with `unavailable`, then closes the connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new JobWorkerError("unavailable", "The daemon is shutting down");
    this.#closing.abort(reason);
    for (const call of this.#calls) call.abort(reason);
    for (const connection of this.#idle) connection[Symbol.dispose]();
    const closed = Promise.all(this.#serving.values());
    // One that does not read must not hold us up.
    await abortable(closed, AbortSignal.timeout(TAKEN_WITHIN_MS)).catch(() => {});
    for (const connection of this.#serving.keys()) connection[Symbol.dispose]();
    await closed;
  }

  /** Answers one call after the other, until the gateway closes the connection, or we do. */
  async #serve(connection: FrameConnection): Promise<void> {
    try {
      if (await this.#greet(connection)) {
        for (;;) {
          const size = await this.#nextCall(connection);
          if (size === null || !await this.#answer(connection, size)) break;
        }
      }
      await connection.close();
    } catch (error) {
      // What is no frame at all comes from no gateway of ours.
      this.#onFault(error, "request");
      connection[Symbol.dispose]();
    } finally {
      this.#serving.delete(connection);
    }
  }

  /** Says who we are, and learns whether the other side speaks as we do. */
  async #greet(connection: FrameConnection): Promise<boolean> {
    if (await this.#nextCall(connection) === null) return false;
    const greeting = await connection.receive();
    void connection.send(GREETING);
    return isGreeting(greeting?.head);
  }

  /** Waits for something to come: its size, or `null` if nothing does. */
  async #nextCall(connection: FrameConnection): Promise<number | null> {
    if (this.#closing.signal.aborted) return null;
    this.#idle.add(connection);
    try {
      return await connection.begin();
    } finally {
      this.#idle.delete(connection);
    }
  }

  /**
   * Lets a call in, reads it and answers it.
   *
   * @returns whether another one may follow
   */
  async #answer(connection: FrameConnection, size: number): Promise<boolean> {
    using admission = new DisposableStack();
    const isSmall = size <= SMALL_REQUEST_BYTES;
    let frame = isSmall ? await connection.receive() : null;
    if (isLeft(frame?.head)) {
      await connection.send(LEFT);
      return true;
    }
    let counted: CountedCall;
    let share: Disposable | null = null;
    try {
      counted = admission.use(this.#callLimit.enter());
      if (!isSmall) share = admission.use(await this.#roomFor(size));
    } catch (error) {
      const kind = isSmall ? "error" : "refused";
      await connection.send(errorHead(this.#known(error, "request"), kind));
      return isSmall;
    }
    if (!isSmall) frame = await connection.receive();
    if (frame === null) return false;
    let method: JobMethod | "request" = "request";
    let signal = this.#closing.signal;
    try {
      const { caller, request, trace, ...call } = callSchema.parse(frame.head);
      method = call.method;
      counted.assign(caller.identity.user, isOpenEnded(method));
      // A call that may last must not keep other requests from being read.
      if (isOpenEnded(method)) share?.[Symbol.dispose]();
      signal = this.#signalOf(method, connection, admission);
      const message = { request, bytes: frame.bytes };
      const name = `engine ${call.method}`;
      await traced(
        name,
        { kind: "server", parent: trace },
        () => this.#call(call.method, message, { caller, signal }, connection),
      );
    } catch (error) {
      await connection.send(errorHead(this.#known(error, method, signal)));
    }
    return true;
  }

  async #roomFor(bytes: number): Promise<Disposable> {
    return await this.#largeRequests.acquire(bytes, this.#closing.signal);
  }

  /** Aborted when we close, and when the caller leaves, unless the call is over soon anyway. */
  #signalOf(
    method: JobMethod,
    connection: FrameConnection,
    ended: DisposableStack,
  ): AbortSignal {
    if (METHODS[method].duration === "brief") return this.#closing.signal;
    const call = new AbortController();
    if (this.#closing.signal.aborted) call.abort(this.#closing.signal.reason);
    this.#calls.add(call);
    ended.defer(() => this.#calls.delete(call));
    // A gateway says nothing before it has its answer, but that nobody waits for it any more.
    const leave = () => call.abort(new JobWorkerError("cancelled", "The caller has left"));
    connection.begin().then(leave, leave);
    return call.signal;
  }

  /** Calls the service, and passes on what it answers, as fast as that is taken. */
  async #call(
    method: JobMethod,
    { request, bytes }: { request: object; bytes: Uint8Array<ArrayBuffer> },
    context: CallContext,
    connection: FrameConnection,
  ): Promise<void> {
    const decoded = decodeRequest(method, request, bytes) as never;
    if (!isStream(method)) {
      using _turn = await this.#turn(method, context);
      const answer = await this.#service[method](decoded, context);
      await connection.send(...encodeAnswer(method, answer));
      return;
    }
    for await (const answer of this.#service[method](decoded, context)) {
      await connection.send(...encodeAnswer(method, answer));
      context.signal.throwIfAborted();
    }
    await connection.send(END);
  }

  /** Waits until a method with large answers may go on. It is held until the answer is passed on. */
  async #turn(method: UnaryMethod, context: CallContext): Promise<Disposable | null> {
    if (METHODS[method].answers !== "page") return null;
    return await this.#pages.acquire(context.caller.identity.user, 1, context.signal);
  }

  #known(error: unknown, method: string, signal?: AbortSignal): JobWorkerError {
    if (error instanceof JobWorkerError) return error;
    if (signal?.aborted) return new JobWorkerError("cancelled", "The caller has left");
    this.#onFault(error, method);
    return new JobWorkerError("internal", "Internal error of the daemon, see its diagnostics");
  }
}
