import { JobWorkerError } from "../../errors.ts";
import { isStream, JOB_METHODS, type JobMethod, METHODS } from "../../service/methods.ts";
import { RESUME } from "../../service/resume.ts";
import { currentTrace } from "../../tracing/trace.ts";
import type { CallOptions, JobClient } from "../job_client.ts";
import { KeeperLost, Line } from "./line.ts";

/** Options of a {@linkcode KeptClient}. */
export interface KeptClientOptions {
  /** The socket of the keeper. */
  readonly path: string;
  /** For how long after each call the connection is to be kept. */
  readonly keepMs: number;
  readonly onReconnecting: () => void;
  /** Connects to the daemon without the keeper. */
  readonly connect: () => Promise<JobClient>;
}

/** A method of {@linkcode JobClient}, whichever it is. */
type Unary = (request: unknown, options?: CallOptions) => Promise<unknown>;
type Streaming = (request: unknown, options?: CallOptions) => AsyncIterable<unknown>;

/** The constructor makes the methods, from what `METHODS` says of each. */
export interface KeptClient extends JobClient {}

/**
 * A client that makes its calls through a keeper. If that is lost, it connects to the daemon itself, and what may be
 * asked for again, or has not been asked for yet, goes on there.
 */
export class KeptClient implements JobClient {
  readonly #options: KeptClientOptions;
  /** Is there for the first call. */
  #line: Line | null;
  #direct: Promise<JobClient> | null = null;

  constructor(line: Line, options: KeptClientOptions) {
    this.#line = line;
    this.#options = options;
    const methods = JOB_METHODS.map((method) => [
      method,
      isStream(method)
        ? (request: object, options?: CallOptions) => this.#all(method, request, options)
        : (request: object, options?: CallOptions) => this.#one(method, request, options),
    ]);
    Object.assign(this, Object.fromEntries(methods));
  }

  /** Asks by a new connection, or it would not be known that the daemon accepts none. */
  async checkHealth(options?: CallOptions): Promise<"serving" | "not_serving"> {
    return await (await this.#connect()).checkHealth(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#line?.[Symbol.dispose]();
    await (await this.#direct?.catch(() => null))?.[Symbol.asyncDispose]();
  }

  async #one(method: JobMethod, given: object, options: CallOptions = {}): Promise<unknown> {
    // A start that is asked for again must be known by its id.
    const request = method === "startJob" ? withRequestId(given) : given;
    try {
      for await (const answer of this.#ask(method, request, options)) return answer;
    } catch (error) {
      if (!(error instanceof KeeperLost)) throw error;
      if (error.wasAsked && !METHODS[method].mayRepeat) {
        throw new JobWorkerError("unavailable", error.message, { cause: error });
      }
    }
    return await (await this.#call<Unary>(method))(request, options);
  }

  async *#all(
    method: keyof typeof RESUME,
    request: object,
    options: CallOptions = {},
  ): AsyncGenerator<unknown, void, undefined> {
    const next = RESUME[method] as (request: object, answer: unknown) => object | null;
    let rest: object | null = request;
    try {
      for await (const answer of this.#ask(method, rest, options)) {
        rest = next(rest, answer);
        yield answer;
        if (rest === null) return;
      }
      return;
    } catch (error) {
      if (!(error instanceof KeeperLost)) throw error;
    }
    yield* (await this.#call<Streaming>(method))(rest, options);
  }

  async *#ask(
    method: JobMethod,
    request: object,
    options: CallOptions,
  ): AsyncGenerator<unknown, void, undefined> {
    options.signal?.throwIfAborted();
    if (this.#direct !== null) throw new KeeperLost({ wasAsked: false });
    const { path, keepMs, onReconnecting } = this.#options;
    const line = this.#line ?? await Line.open(path).catch(() => {
      throw new KeeperLost({ wasAsked: false });
    });
    this.#line = null;
    const { timeoutMs } = options;
    const trace = currentTrace();
    const call = {
      ...{ method, request, keepMs },
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(trace !== undefined && { trace }),
    };
    yield* line.answers(call, { ...options, onReconnecting });
  }

  async #call<T extends Unary | Streaming>(method: JobMethod): Promise<T> {
    const client = await this.#connect();
    return Reflect.get(client, method).bind(client);
  }

  #connect(): Promise<JobClient> {
    return this.#direct ??= this.#options.connect();
  }
}

function withRequestId(request: { readonly requestId?: string }): object {
  return { ...request, requestId: request.requestId || crypto.randomUUID() };
}
