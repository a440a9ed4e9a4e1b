import type { Credentials } from "../auth/password_login.ts";
import { tidyCertificates } from "../auth/pem.ts";
import { type ErrorCode, JobWorkerError, messageOf } from "../errors.ts";
import { JOB_STATUSES, type JobStatus, type Unknown } from "../job/types.ts";
import * as z from "../text/zod.ts";
import { type OperationId, OPERATIONS } from "./operations.ts";

/** What is read from an answer. A newer daemon may send more fields, and words that are not known here. */
const ANSWERS = {
  start: z.object({ jobId: z.string() }),
  status: z.object({
    jobStatus: z.union([z.enum(JOB_STATUSES), z.string().transform(() => "unknown" as const)]),
  }),
} as const;

/** Options of {@linkcode RestClient}. */
export interface RestClientOptions {
  /** `host:port`, as in `localhost:8443` or `[::1]:8443`. */
  readonly address: string;
  /** A CA to trust besides the public ones, as PEM. */
  readonly ca: string;
  /** Only {@linkcode RestClient.health} works without. */
  readonly credentials?: Credentials;
}

/** Options of every call. */
export interface RestCallOptions {
  /** Cancels the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
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
  [/corrupt message|handshake eof/, "EPROTO", "what listens there does not speak HTTPS"],
];

/**
 * The four paths outside `/v1/` of the REST API. The name or address of the daemon must be in its certificate.
 * Every call rejects with `JobWorkerError`.
 */
export class RestClient implements Disposable {
  readonly #options: RestClientOptions;
  readonly #http: Deno.HttpClient;

  constructor(options: RestClientOptions) {
    this.#options = options;
    this.#http = Deno.createHttpClient({ caCerts: [tidyCertificates(options.ca)] });
  }

  /** Resolves if the daemon is serving. */
  async health(options: RestCallOptions = {}): Promise<void> {
    await this.#call("health", "/health/", options);
  }

  /** Starts a command, and returns the id of the job. */
  async start(
    command: string,
    args: readonly string[],
    options: RestCallOptions = {},
  ): Promise<string> {
    const body = { command, args: [...args] };
    const answer = await this.#call("start", "/start/", { ...options, body });
    return readAnswer(ANSWERS.start, answer).jobId;
  }

  /** Stops a job, and resolves once it has ended. */
  async stop(jobId: string, options: RestCallOptions = {}): Promise<void> {
    await this.#call("stop", "/stop/", { ...options, body: { jobId } });
  }

  async status(jobId: string, options: RestCallOptions = {}): Promise<JobStatus | Unknown> {
    const answer = await this.#call("status", `/status/${encodeURIComponent(jobId)}`, options);
    return readAnswer(ANSWERS.status, answer).jobStatus;
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }

  async #call(
    operation: OperationId,
    path: string,
    { body, signal }: RestCallOptions & { readonly body?: unknown },
  ): Promise<unknown> {
    try {
      const response = await fetch(`https://${this.#options.address}${path}`, {
        client: this.#http,
        method: OPERATIONS[operation].method,
        headers: {
          ...this.#authorization(),
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal !== undefined && { signal }),
        // The password must not go to any other address.
        redirect: "error",
      });
      const answer: unknown = await response.json().catch(() => null);
      if (response.ok) return answer;
      const code = CODES[response.status] ?? "internal";
      throw new JobWorkerError(code, errorIn(answer) ?? response.statusText);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw error instanceof JobWorkerError ? error : this.#unreachable(error);
    }
  }

  #authorization(): Record<string, string> {
    const { credentials } = this.#options;
    if (credentials === undefined) return {};
    const bytes = new TextEncoder().encode(`${credentials.user}:${credentials.password}`);
    return { Authorization: `Basic ${bytes.toBase64()}` };
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

function readAnswer<T>(schema: z.ZodType<T>, answer: unknown): T {
  const { data, error } = schema.safeParse(answer);
  if (data !== undefined) return data;
  const [issue] = error?.issues ?? [];
  throw new JobWorkerError(
    "internal",
    `Cannot understand the answer of the daemon: ${issue?.path.join(".")} ${issue?.message}`,
  );
}

/** The meaning of the statuses of the four paths; any other status is an internal error. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  409: "failed_precondition",
  413: "invalid_argument",
  429: "resource_exhausted",
  503: "unavailable",
};

/** What the daemon says went wrong. */
function errorIn(answer: unknown): string | null {
  const error: unknown = Object(answer).error ?? Object(answer).detail;
  return typeof error === "string" ? error : null;
}
