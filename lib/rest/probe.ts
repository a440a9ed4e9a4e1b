import { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { TLSSocket } from "node:tls";
import { JobWorkerError, messageOf } from "../errors.ts";
import { formatHostPort, type HostPort } from "../host_port.ts";

const TIMEOUT_MS = 5000;

/** Where to connect to reach what is bound to every address. */
const LOOPBACK: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * Asks an HTTPS server of this machine to see whether it answers with 200, and with that certificate.
 *
 * @throws {JobWorkerError} `failed_precondition` if it does not
 */
export async function probeHttps(
  { hostname, port }: HostPort,
  certificate: string,
  path: string,
): Promise<void> {
  // No CA is asked because more is demanded: that very certificate, below. That one is named all the
  // same, or Deno would read the CAs of the system, which takes a permission.
  const request = get({
    host: LOOPBACK[hostname] ?? hostname,
    port,
    path,
    agent: false,
    ca: certificate,
    rejectUnauthorized: false,
  });
  const closed = new Promise<void>((resolve) => request.once("close", () => resolve()));
  const timer = setTimeout(
    () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)),
    TIMEOUT_MS,
  );
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) =>
      request.once("response", resolve).on("error", reject)
    );
    const shown = response.socket instanceof TLSSocket
      ? response.socket.getPeerX509Certificate()?.fingerprint256
      : undefined;
    if (response.statusCode !== 200) throw new Error(`it answers with ${response.statusCode}`);
    if (shown !== new X509Certificate(certificate).fingerprint256) {
      throw new Error("it does not answer with our certificate");
    }
  } catch (error) {
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot serve on ${formatHostPort(hostname, port)}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    request.destroy();
    await closed;
  }
}
