import { connect } from "node:tls";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";

/** Why a daemon cannot be reached: the `reason` of an `unavailable` error, and its text. */
const REASONS = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the name of the host is unknown",
  TIMEOUT: "no answer",
  SILENT: "it accepts connections, but does not answer yet",
  NOT_GRPC: "what listens there speaks HTTPS, as the REST API does, and not gRPC",
  NOT_TLS: "what listens there does not speak TLS",
  SERVER_CERTIFICATE_UNTRUSTED: "its certificate was not issued by the CA that is trusted here",
  SERVER_CERTIFICATE_EXPIRED: "its certificate has expired, or is not yet valid",
  SERVER_NAME_MISMATCH: "its certificate is for another host",
  CLIENT_CERTIFICATE_REFUSED: "it refuses the client certificate",
} as const;

/** A reason that {@linkcode diagnose} finds. Others are named after the error of the system. */
export type UnavailableReason = keyof typeof REASONS;

/** The reasons that stay the same until somebody changes a certificate. */
const FINAL: readonly string[] = [
  "SERVER_CERTIFICATE_UNTRUSTED",
  "SERVER_CERTIFICATE_EXPIRED",
  "SERVER_NAME_MISMATCH",
  "CLIENT_CERTIFICATE_REFUSED",
] satisfies UnavailableReason[];

/** Whether one side has refused the certificate of the other. */
export function isRefusal({ reason = "" }: { readonly reason?: string | undefined }): boolean {
  return FINAL.includes(reason);
}

/** The reasons for errors of sockets and TLS, by a part of their code. */
const CODES: readonly (readonly [RegExp, UnavailableReason])[] = [
  [/^(ENOTFOUND|EAI_)/, "ENOTFOUND"],
  [/^ETIMEDOUT$/, "TIMEOUT"],
  [/NO_APPLICATION_PROTOCOL/, "NOT_GRPC"],
  [/WRONG_VERSION_NUMBER/, "NOT_TLS"],
  [/ALTNAME_INVALID/, "SERVER_NAME_MISMATCH"],
  [/EXPIRED|NOT_YET_VALID/, "SERVER_CERTIFICATE_EXPIRED"],
  [/^ERR_SSL_.*ALERT_.*(CERT|UNKNOWN_CA|ACCESS_DENIED)/, "CLIENT_CERTIFICATE_REFUSED"],
  [/SELF_SIGNED|UNABLE_TO_|CERT_|ISSUER/, "SERVER_CERTIFICATE_UNTRUSTED"],
];

/**
 * Finds out why a connection fails by making one, because grpc-js does not tell: it does a TLS handshake, then
 * waits for the first bytes, which an HTTP/2 server sends unasked. In TLS 1.3 the server checks the client's
 * certificate when the handshake is already complete for the client, so a server that then closes without a
 * word has refused it.
 *
 * @returns `null` if the daemon answers after all
 * @throws the reason of the signal, once that is aborted
 */
export async function diagnose(
  endpoint: Endpoint,
  options: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<JobWorkerError | null> {
  const { timeoutMs, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<JobWorkerError | null>();
  signal?.throwIfAborted();
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  let [accepted, handshaken] = [false, false];
  const timer = setTimeout(
    () => resolve(unreachable(endpoint, accepted ? "SILENT" : "TIMEOUT")),
    timeoutMs,
  );
  const { host, port, tls } = endpoint;
  const socket = connect({ ...tls, host, port }, () => {
    handshaken = true;
    // Some servers refuse a client that wants no protocol of theirs; others choose none.
    if (socket.alpnProtocol !== "h2") resolve(unreachable(endpoint, "NOT_GRPC"));
  });
  // It may be systemd that accepts, for a daemon that is still starting.
  socket.once("connect", () => accepted = true);
  const closed = new Promise((done) => socket.once("close", done));
  socket.on("data", () => resolve(null));
  const onClosed = () =>
    resolve(unreachable(endpoint, handshaken ? "CLIENT_CERTIFICATE_REFUSED" : "ECONNRESET"));
  socket.on("end", onClosed);
  socket.on("error", async (error) => {
    const reason = reasonOf(error);
    if (reason === "ECONNRESET") onClosed();
    else resolve(await explained(endpoint, unreachable(endpoint, reason, error)));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    socket.destroy();
    await closed;
  }
}

/** The reason that an error of a socket stands for. */
export function reasonOf(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
  return CODES.find(([pattern]) => pattern.test(code))?.[1] ?? code;
}

/** The error with its actual reason, where the TLS stack does not distinguish two of them. */
export async function explained(
  endpoint: Endpoint,
  error: JobWorkerError,
): Promise<JobWorkerError> {
  if (error.reason !== "SERVER_CERTIFICATE_UNTRUSTED" || !await isOutdated(endpoint)) return error;
  return unreachable(endpoint, "SERVER_CERTIFICATE_EXPIRED", error);
}

/**
 * `node:tls` has one code for an unknown issuer and for wrong dates, and shows no certificate of a handshake that
 * failed. Deno's own TLS distinguishes them, but needs a connection of its own, which the daemon reports as well.
 */
async function isOutdated({ host, port, tls: { ca } }: Endpoint): Promise<boolean> {
  try {
    const connection = await Deno.connect({ hostname: host, port });
    using secured = await Deno.startTls(connection, { hostname: host, caCerts: [ca] });
    await secured.handshake();
    return false;
  } catch (error) {
    return /certificate (expired|not valid yet)/.test(messageOf(error));
  }
}

/** The error for a daemon that cannot be reached. */
export function unreachable(endpoint: Endpoint, reason: string, cause?: Error): JobWorkerError {
  const words = Object.hasOwn(REASONS, reason)
    ? REASONS[reason as UnavailableReason]
    : cause?.message ?? "the connection was closed at once";
  const message = `Cannot connect to the daemon at ${endpoint.address}: ${words}`;
  return new JobWorkerError("unavailable", message, { reason, cause });
}
