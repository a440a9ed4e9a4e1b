import { abortable } from "../async/abortable.ts";
import { Turns } from "../async/turns.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
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
import { decodeFrame, readFrames } from "../net/frames.ts";
import { SpareBuffers } from "../net/spare_buffers.ts";
import {
  decodeAnswer,
  decodeMessage,
  encodeRequest,
  type Message,
  REACH_PATH,
  REACHED,
} from "./messages.ts";

type ValueMessage = Extract<Message, { kind: "value" }>;

/**
 * The host in the URLs of requests on the socket, which needs a permission. A name would be looked up in the
 * DNS for every connection; this address belongs to nobody (RFC 5737).
 */
export const ENGINE_HOST = "192.0.2.1";

/** Answers up to this size, which nearly all are, take no turn: they are passed on at once. */
const SMALL_ANSWER_BYTES = 16 * 1024;

/** Options of an {@linkcode EngineClient}. */
export interface EngineClientOptions {
  /** Called when a call cannot connect, to have the socket created again if possible. */
  readonly restoreSocket?: () => Promise<void>;
}

/** The constructor makes every method of the service, from what `METHODS` says of it. */
export interface EngineClient extends JobService {}

/**
 * The `JobService` of the engine, called from another process. The bytes in an item of a stream are good until the
 * next item is asked for.
 */
export class EngineClient implements Disposable {
  readonly #http: Deno.HttpClient;
  readonly #path: string;
  readonly #restoreSocket: (() => Promise<void>) | undefined;
  /** Large answers, and those of streams, are unpacked and passed on in turn, user by user. */
  readonly #turns = new Turns();
  readonly #buffers = new SpareBuffers();

  /** @param path the Unix socket of the engine */
  constructor(path: string, options: EngineClientOptions = {}) {
    this.#path = path;
    this.#restoreSocket = options.restoreSocket;
    this.#http = Deno.createHttpClient({
      proxy: { transport: "unix", path },
      // After a burst, idle connections would hold descriptors on both sides for 90 s.
      poolIdleTimeout: 5000,
    });
    const methods = JOB_METHODS.map((method) => [
      method,
      isStream(method) ? this.#streaming(method) : this.#unary(method),
    ]);
    Object.assign(this, Object.fromEntries(methods));
  }

  /** @throws `unavailable` unless an engine answers at the socket */
  async reach(): Promise<void> {
    const response = await this.#fetch(REACH_PATH, { method: "GET" }).catch((error) => {
      throw this.#unreached(whyOf(error), error);
    });
    await response.body?.cancel();
    if (response.status !== REACHED) throw this.#unreached("another program answers there");
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }

  #unary<Name extends UnaryMethod>(method: Name) {
    return async (request: RequestOf<Name>, context: CallContext): Promise<AnswerOf<Name>> => {
      const { value, bytes } = await this.#one(method, encodeRequest(method, request), context);
      return decodeAnswer(method, value, bytes);
    };
  }

  #streaming<Name extends StreamMethod>(method: Name) {
    const ask = (request: RequestOf<Name>, context: CallContext) =>
      this.#all(method, encodeRequest(method, request), context);
    return async function* (
      request: RequestOf<Name>,
      context: CallContext,
    ): AsyncGenerator<AnswerOf<Name>, void, undefined> {
      for await (const { value, bytes } of ask(request, context)) {
        yield decodeAnswer(method, value, bytes);
      }
    };
  }

  async #one(method: UnaryMethod, request: unknown, context: CallContext): Promise<ValueMessage> {
    try {
      const response = await this.#ask(method, request, context);
      // The body is read in one go: as a stream it would cost more than the rest of the call.
      const bytes = await response.bytes();
      if (bytes.byteLength > SMALL_ANSWER_BYTES) await this.#turn(context);
      const message = decodeMessage(decodeFrame(bytes));
      if (message.kind === "value") return message;
      throw message.kind === "error" ? message.error : gone("the answer is empty");
    } catch (error) {
      throw failure(error, context);
    }
  }

  async *#all(
    method: StreamMethod,
    request: unknown,
    context: CallContext,
  ): AsyncGenerator<ValueMessage, void, undefined> {
    try {
      const response = await this.#ask(method, request, context);
      if (response.body === null) throw gone("the answer is empty");
      const turn = () => this.#turn(context);
      for await (const frame of readFrames(response.body, { turn, buffers: this.#buffers })) {
        const message = decodeMessage(frame);
        if (message.kind === "end") return;
        if (message.kind === "error") throw message.error;
        yield message;
      }
      throw gone("the answer was cut off");
    } catch (error) {
      throw failure(error, context);
    }
  }

  async #turn({ caller, signal }: CallContext): Promise<void> {
    await this.#turns.next(caller.identity.user, signal);
  }

  async #ask(
    method: JobMethod,
    request: unknown,
    { caller, signal }: CallContext,
  ): Promise<Response> {
    const call = { method: "POST", body: JSON.stringify({ request, caller }), signal };
    const response = await this.#fetch(`/${method}`, call).catch(async (error) => {
      // The call was not sent, so it can be sent again.
      if (!isConnectError(error) || this.#restoreSocket === undefined) throw error;
      await abortable(this.#restoreSocket(), signal);
      return await this.#fetch(`/${method}`, call);
    });
    if (!response.ok) throw gone(await response.text());
    return response;
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(`http://${ENGINE_HOST}${path}`, { ...init, client: this.#http });
  }

  #unreached(why: string, cause?: unknown): JobWorkerError {
    const text = `Cannot reach the job engine at its socket "${this.#path}": ${why}`;
    return new JobWorkerError("unavailable", text, { cause });
  }
}

/** The error text of Deno's `fetch`, which names the step that failed and then the cause. */
const FETCH_ERROR = /client error \((\w+)\): (.*)$/s;

function isConnectError(error: unknown): boolean {
  return error instanceof TypeError &&
    FETCH_ERROR.exec(messageOf(error.cause))?.[1] === "Connect";
}

function whyOf(error: unknown): string {
  const cause = error instanceof TypeError ? messageOf(error.cause ?? error) : messageOf(error);
  return FETCH_ERROR.exec(cause)?.[2] ?? cause;
}

function failure(error: unknown, { signal }: CallContext): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof JobWorkerError ? error : gone(whyOf(error), error);
}

function gone(why: string, cause?: unknown): JobWorkerError {
  return new JobWorkerError("unavailable", `The job engine does not answer: ${why}`, { cause });
}
