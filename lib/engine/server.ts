import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { KeyedSemaphore } from "../async/keyed_semaphore.ts";
import { pullStream } from "../async/pull_stream.ts";
import { Semaphore } from "../async/semaphore.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { isLasting } from "../files/lasting.ts";
import type { CallContext, JobService } from "../service/job_service.ts";
import {
  isOpenEnded,
  isStream,
  JOB_METHODS,
  type JobMethod,
  METHODS,
  type UnaryMethod,
} from "../service/methods.ts";
import { CallLimit } from "./call_limit.ts";
import {
  answerPieces,
  callSchema,
  decodeRequest,
  encodeAnswer,
  encodeError,
  END_FRAME,
  REACH_PATH,
  REACHED,
} from "./messages.ts";

/** More than a gateway accepts from its clients, even if JSON escapes every byte. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;

/** Requests up to this size, which nearly all are, are read right away. */
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

/** How much of a page is passed on at a time, in bytes: the HTTP server takes a piece more than it has sent. */
const PIECE_BYTES = 64 * 1024;

/** How often to try to listen again after a connection could not be accepted: from, to. */
const LISTEN_AGAIN_MS = { first: 20, last: 500 };

/** Options of {@linkcode EngineServer.listen}. */
export interface EngineServerOptions {
  /** Where to create the Unix socket, with mode 0600. Whatever is there is removed. */
  readonly path: string;
  /** Whose it is, besides root's; `null`, the default: our own user's. */
  readonly uid?: number | null;
  /** Told of internal errors: the caller only learns that there was one. */
  readonly onFault: (error: unknown, method: string) => void;
  /** The most calls at once; each holds a descriptor or two. 4096 by default. */
  readonly maxCalls?: number;
  /** A quarter of `maxCalls` by default. */
  readonly maxCallsPerUser?: number;
}

/** Serves a `JobService` on a Unix socket until it is disposed of. */
export class EngineServer implements AsyncDisposable {
  readonly #service: JobService;
  readonly #options: EngineServerOptions;
  readonly #closing = new AbortController();
  readonly #callLimit: CallLimit;
  readonly #largeRequests = new Semaphore(LARGE_REQUESTS);
  readonly #pages = new KeyedSemaphore<string>(PAGES_PER_USER);
  /** The last one listens. Those before it have lost their socket, or failed, and only serve their connections. */
  readonly #servers: Deno.HttpServer<Deno.UnixAddr>[] = [];
  #socket = "";
  #restoring: Promise<boolean> = Promise.resolve(false);

  private constructor(service: JobService, options: EngineServerOptions) {
    this.#service = service;
    this.#options = options;
    const { maxCalls = 4096, maxCallsPerUser = Math.ceil(maxCalls / 4) } = options;
    this.#callLimit = new CallLimit({ maxCalls, maxCallsPerUser });
  }

  /** @throws `failed_precondition` if the socket cannot be created; `unavailable` if that may pass */
  static async listen(service: JobService, options: EngineServerOptions): Promise<EngineServer> {
    const server = new EngineServer(service, options);
    await server.#listen();
    return server;
  }

  /**
   * Creates the socket again if its file is gone or has been replaced: programs that clean up old files do
   * not know that it is in use. Calls in progress continue.
   *
   * @returns whether that was necessary
   * @throws as {@linkcode listen} does
   */
  restoreSocket(): Promise<boolean> {
    const restored = this.#restoring.then(() => this.#restore());
    this.#restoring = restored.catch(() => false);
    return restored;
  }

  /** Ends the streams with `unavailable`, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new JobWorkerError("unavailable", "The daemon is shutting down"));
    await this.#restoring;
    await Promise.all(this.#servers.map((server) => server.shutdown()));
  }

  async #restore(): Promise<boolean> {
    if (this.#closing.signal.aborted) return false;
    if (await identityOf(this.#options.path) === this.#socket) return false;
    await this.#listen();
    return true;
  }

  async #listen(): Promise<void> {
    const { path, uid = null } = this.#options;
    try {
      await Deno.remove(path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
      const server = Deno.serve(
        { path, onListen: () => {}, onError: (error) => this.#faultResponse(error) },
        (request) => this.#handle(request),
      );
      this.#servers.push(server);
      server.finished.catch((error) => {
        this.#options.onFault(error, "listening");
        // Whoever asks for the socket meanwhile waits for it, too.
        this.#restoring = this.#restoring.then(() => this.#listenAgain());
      });
      await Deno.chmod(path, 0o600);
      if (uid !== null) await Deno.chown(path, uid, null);
      this.#socket = await identityOf(path) ?? "";
    } catch (error) {
      throw new JobWorkerError(
        isLasting(error) ? "failed_precondition" : "unavailable",
        `Cannot make the engine's socket "${path}": ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * Listens again after a server could not accept a connection, for want of a descriptor: it has taken its socket
   * away then, and only serves the connections that it has.
   */
  async #listenAgain(): Promise<boolean> {
    const { signal } = this.#closing;
    const nextWait = doubling(LISTEN_AGAIN_MS);
    while (!signal.aborted) {
      try {
        await delay(nextWait(), { signal });
        return await this.#restore();
      } catch {
        // There is none for a new socket either; or it is the end.
      }
    }
    return false;
  }

  async #handle(http: Request): Promise<Response> {
    const { pathname } = new URL(http.url);
    if (http.method === "GET" && pathname === REACH_PATH) {
      return new Response(null, { status: REACHED });
    }
    const method = JOB_METHODS.find((method) => pathname === `/${method}`);
    if (method === undefined || http.method !== "POST") return new Response(null, { status: 404 });
    const size = http.headers.get("content-length");
    if (size === null || Number(size) > MAX_REQUEST_BYTES) {
      return new Response(null, { status: 413 });
    }
    try {
      return await this.#admit(method, http, Number(size));
    } catch (error) {
      if (error instanceof JobWorkerError) return new Response(encodeError(error));
      throw error;
    }
  }

  /** Reads a request once there is room for it, and starts to answer it. */
  async #admit(method: JobMethod, http: Request, bytes: number): Promise<Response> {
    using admission = new DisposableStack();
    const counted = admission.use(this.#callLimit.enter());
    const share = admission.use(await this.#roomFor(bytes));
    // It is not an internal error if the caller left before the whole request was read.
    const body = await http.text().catch(() => null);
    if (body === null) throw new JobWorkerError("cancelled", "The caller has left");
    const { caller, request } = callSchema.parse(JSON.parse(body));
    counted.assign(caller.identity.user, isOpenEnded(method));
    // A call that may last must not keep other requests from being read.
    if (isOpenEnded(method)) share?.[Symbol.dispose]();
    // Only a streamed body tells that the caller has left, but one that is complete costs half as much.
    if (!isStream(method) && METHODS[method].duration === "brief") {
      const context = { caller, signal: this.#closing.signal };
      return new Response(await this.#answer(method, request, context));
    }
    const left = new AbortController();
    const signal = AbortSignal.any([left.signal, this.#closing.signal]);
    const frames = this.#frames(method, request, { caller, signal });
    const held = admission.move();
    const answer = pullStream(frames, {
      onEnd: () => held.dispose(),
      async onCancel() {
        left.abort();
        // A generator whose last item nobody took releases what it holds.
        await frames.return();
        held.dispose();
      },
    });
    return new Response(answer);
  }

  async #roomFor(bytes: number): Promise<Disposable | null> {
    if (bytes <= SMALL_REQUEST_BYTES) return null;
    return await this.#largeRequests.acquire(bytes, this.#closing.signal);
  }

  /** Waits until a method with large answers may go on. It is held until the answer is passed on. */
  async #turn(method: UnaryMethod, context: CallContext): Promise<Disposable | null> {
    if (METHODS[method].answers !== "page") return null;
    return await this.#pages.acquire(context.caller.identity.user, 1, context.signal);
  }

  /** The single frame that answers a call. */
  async #answer(
    method: UnaryMethod,
    request: object,
    context: CallContext,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const answer = await this.#service[method](decodeRequest(method, request) as never, context);
      return encodeAnswer(method, answer);
    } catch (error) {
      return encodeError(this.#known(error, method, context));
    }
  }

  /** The frames of an answer: one, unless the method answers with a stream. */
  async *#frames(
    method: JobMethod,
    request: object,
    context: CallContext,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    try {
      if (!isStream(method)) {
        using _turn = await this.#turn(method, context);
        yield* piecesOf(await this.#answer(method, request, context));
        return;
      }
      const answers = this.#service[method](decodeRequest(method, request) as never, context);
      for await (const answer of answers) yield* answerPieces(method, answer);
      yield END_FRAME;
    } catch (error) {
      yield encodeError(this.#known(error, method, context));
    }
  }

  #known(error: unknown, method: string, context: CallContext): JobWorkerError {
    if (error instanceof JobWorkerError) return error;
    if (context.signal.aborted) return new JobWorkerError("cancelled", "The caller has left");
    this.#options.onFault(error, method);
    return new JobWorkerError("internal", "Internal error of the daemon, see its diagnostics");
  }

  #faultResponse(error: unknown): Response {
    this.#options.onFault(error, "request");
    return new Response(messageOf(error), { status: 400 });
  }
}

function* piecesOf(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
    yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

/**
 * Identifies the socket at a path, and changes when that is no longer ours; `null` if there is none. While we
 * listen on a socket, no other file gets its inode number.
 */
async function identityOf(path: string): Promise<string | null> {
  try {
    const { dev, ino, mode } = await Deno.lstat(path);
    return [dev, ino, mode].join(":");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
