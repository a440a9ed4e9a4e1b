import type { Credentials } from "../auth/password_login.ts";
import { tidyCertificates } from "../auth/pem.ts";
import { ERROR_CODES, type ErrorCode, JobWorkerError, messageOf } from "../errors.ts";
import * as z from "../text/zod.ts";
import { eventsIn, type ServerEvent } from "./event_stream.ts";
import { type Operation, type OperationId, OPERATIONS } from "./operations.ts";
import { BYTES_TYPE, EVENTS_TYPE } from "./request.ts";

/** Options of {@linkcode RestConnection}. */
export interface RestConnectionOptions {
  /** `host:port`, as in `localhost:8443` or `[::1]:8443`. */
  readonly address: string;
  /** A CA to trust besides the public ones, as PEM. */
  readonly ca: string;
  /** Only `health()` works without. */
  readonly credentials?: Credentials;
}

/** Options of every call. */
export interface RestCallOptions {
  /** Cancels the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a request says beyond its operation. */
export interface RestRequest extends RestCallOptions {
  /** The job that the path names. */
  readonly jobId?: string;
  /** Parameters of the query; what is `undefined` or empty is left out. */
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  /** Bytes, or what is sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long nothing may come before the daemon counts as gone, in milliseconds; for ever by default. */
  readonly silenceMs?: number;
}

/**
 * What the errors of `fetch` mean, by a part of their text, because they have no codes. The names are those of
 * `lib/grpc`.
 */
const FAILURES: readonly (readonly [text: RegExp, reason: string, words: string])[] = [
  [/connection refused/i, "ECONNREFUSED", "nothing listens there"],
  [/dns error|failed to lookup/i, "ENOTFOUND", "the name of the host is unknown"],
  [
    /certificate (expired|not valid yet)/,
    "SERVER_CERTIFICATE_EXPIRED",
    "its certificate has expired, or is not yet valid",
  ],
  [/not valid for name/i, "SERVER_NAME_MISMATCH", "its certificate is for another host"],
  [
    /invalid peer certificate/,
    "SERVER_CERTIFICATE_UNTRUSTED",
    "its certificate was not issued by the CA that is trusted here",
  ],
  [
    /NoApplicationProtocol/,
    "NOT_REST",
    "what listens there speaks another protocol than REST, probably gRPC",
  ],
  [
    /CertificateRequired/,
    "NOT_REST",
    "what listens there asks for a client certificate, as gRPC does, and REST does not",
  ],
  [/corrupt message|handshake eof/, "EPROTO", "what listens there does not speak HTTPS"],
];

/** Sends requests to a daemon, and turns what is wrong with an answer into a `JobWorkerError`. */
export class RestConnection implements Disposable {
  readonly #options: RestConnectionOptions;
  readonly #http: Deno.HttpClient;
  #wasReached = false;

  constructor(options: RestConnectionOptions) {
    this.#options = options;
    // HTTP/1.1 is all that the daemon speaks here. Who offers HTTP/2 to its gRPC is told only later that they cannot
    // come without a certificate, or sees the connection close before.
    const caCerts = [tidyCertificates(options.ca)];
    this.#http = Deno.createHttpClient({ caCerts, http2: false });
  }

  /** Whether the daemon has ever answered. */
  get wasReached(): boolean {
    return this.#wasReached;
  }

  /** The answer to a request, of JSON; `null` if it is not JSON. */
  async json(operation: OperationId, request: RestRequest): Promise<unknown> {
    const { signal } = request;
    using silence = new Silence(request.silenceMs);
    try {
      const response = await this.#send(operation, request, silence);
      // One that is cut off fails; one that is no JSON is not understood by whoever reads it.
      return parsed(await response.text());
    } catch (error) {
      throw this.#failure(error, signal, silence);
    }
  }

  /**
   * The events of an answer, read no faster than they are consumed. To stop reading ends the call.
   *
   * @throws {JobWorkerError} what the event `problem` tells, too
   */
  async *events(
    operation: OperationId,
    request: RestRequest,
  ): AsyncGenerator<ServerEvent, void, undefined> {
    const { signal, headers } = request;
    using silence = new Silence(request.silenceMs);
    const asking = { ...request, headers: { ...headers, Accept: EVENTS_TYPE } };
    try {
      const { body } = await this.#send(operation, asking, silence);
      // There is none if all events have been received already.
      if (body === null) return;
      for await (const event of eventsIn(silence.watch(body))) {
        if (event.type === "problem") throw errorOf(parsed(event.data.join("\n")), 500);
        yield event;
      }
    } catch (error) {
      throw this.#failure(error, signal, silence);
    }
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }

  async #send(operation: OperationId, request: RestRequest, silence: Silence): Promise<Response> {
    const { method, path }: Operation = OPERATIONS[operation];
    const { jobId = "", query = {}, body, headers, signal } = request;
    const target = `${path.replace("{jobId}", encodeURIComponent(jobId))}${queryText(query)}`;
    const isBytes = body instanceof Uint8Array;
    const signals = [silence.signal, ...(signal === undefined ? [] : [signal])];
    const response = await fetch(`https://${this.#options.address}${target}`, {
      client: this.#http,
      method,
      headers: {
        ...this.#authorization(),
        ...(body !== undefined && { "Content-Type": isBytes ? BYTES_TYPE : "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
      signal: AbortSignal.any(signals),
      // The password must not go to any other address.
      redirect: "error",
    });
    this.#wasReached = true;
    if (response.ok) return response;
    const answer: unknown = await response.json().catch(() => null);
    throw errorOf(answer, response.status, response.statusText);
  }

  #authorization(): Record<string, string> {
    const { credentials } = this.#options;
    if (credentials === undefined) return {};
    const bytes = new TextEncoder().encode(`${credentials.user}:${credentials.password}`);
    return { Authorization: `Basic ${bytes.toBase64()}` };
  }

  #failure(error: unknown, signal: AbortSignal | undefined, silence: Silence): unknown {
    if (signal?.aborted) return signal.reason;
    if (silence.signal.aborted) return this.#unreachable(silence.signal.reason);
    return error instanceof JobWorkerError ? error : this.#unreachable(error);
  }

  #unreachable(cause: unknown): JobWorkerError {
    const text = cause instanceof Error && cause.cause !== undefined
      ? messageOf(cause.cause)
      : messageOf(cause);
    const [, reason, words] = FAILURES.find(([pattern]) => pattern.test(text)) ??
      [null, "UNKNOWN", text];
    const message = `Cannot connect to the daemon at ${this.#options.address}: ${words}`;
    return new JobWorkerError("unavailable", message, { reason, cause });
  }
}

/** Aborts a call when nothing has come for a while. */
class Silence implements Disposable {
  readonly #controller = new AbortController();
  readonly #ms: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number | undefined) {
    this.#ms = ms;
    this.#wait();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The chunks, each of which breaks the silence. */
  async *watch<T>(chunks: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    for await (const chunk of chunks) {
      // However long the reader takes, it is not the daemon that is silent.
      clearTimeout(this.#timer);
      yield chunk;
      this.#wait();
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const ms = this.#ms;
    if (ms === undefined) return;
    const giveUp = () => this.#controller.abort(new Error(`it has been silent for ${ms / 1000} s`));
    this.#timer = setTimeout(giveUp, ms);
  }
}

function queryText(query: NonNullable<RestRequest["query"]>): string {
  const pairs = Object.entries(query).flatMap(([name, value = ""]) =>
    [value].flat().map(String).filter((text) => text !== "").map((text) => [name, text])
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

export function readAnswer<T>(schema: z.ZodType<T>, answer: unknown): T {
  const { data, error } = schema.safeParse(answer);
  if (data !== undefined) return data;
  const [issue] = error?.issues ?? [];
  throw new JobWorkerError(
    "internal",
    `Cannot understand the answer of the daemon: ${issue?.path.join(".")} ${issue?.message}`,
  );
}

/** The meaning of the statuses, for answers that name no code; any other is an internal error. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  409: "failed_precondition",
  413: "invalid_argument",
  429: "resource_exhausted",
  // What a proxy says of a daemon that is away.
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/** The error that an answer tells of, be it a problem of RFC 9457 or one of the four paths. */
function errorOf(answer: unknown, status: number, words = "Internal error"): JobWorkerError {
  const { error, detail, code, reason, field } = Object(answer);
  const told = [error, detail].find((text) => typeof text === "string");
  return new JobWorkerError(
    isErrorCode(code) ? code : CODES[status] ?? "internal",
    told ?? words,
    {
      ...(typeof reason === "string" && { reason }),
      ...(typeof field === "string" && { field }),
    },
  );
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERROR_CODES, code);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
