import { X509Certificate } from "node:crypto";
import * as tls from "node:tls";
import { JobWorkerError } from "../errors.ts";
import { formatHostPort, type HostPort } from "../host_port.ts";

const TIMEOUT_MS = 5_000;

/** Options of {@linkcode probeTls}. */
export interface ProbeOptions {
  /** Told our own end of the connection, `host:port`, before anything is sent, and when it is closed. */
  readonly onConnect: (self: string) => void;
  readonly onClose: (self: string) => void;
}

/**
 * Connects to a TLS listener of this machine to see whether it answers, and with that certificate.
 *
 * @throws {JobWorkerError} `failed_precondition` if it does not
 */
export async function probeTls(
  address: HostPort,
  certificate: string,
  options: ProbeOptions,
): Promise<void> {
  const { hostname, port } = address;
  const socket = tls.connect({
    host: loopbackOf(hostname),
    port,
    ALPNProtocols: ["h2"],
    // No CA is asked because more is demanded: that very certificate, below. Nothing is sent.
    rejectUnauthorized: false,
  });
  const timer = setTimeout(
    () => socket.destroy(new Error(`No answer within ${TIMEOUT_MS} ms`)),
    TIMEOUT_MS,
  );
  let self = "";
  let shown: string | undefined;
  let failure: Error | undefined;
  socket.once("connect", () => {
    self = formatHostPort(socket.localAddress, socket.localPort);
    options.onConnect(self);
  });
  socket.once("secureConnect", () => {
    shown = socket.getPeerX509Certificate()?.fingerprint256;
  });
  socket.on("error", (error) => failure = error);
  // We give no certificate, so it is the listener that ends this.
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  clearTimeout(timer);
  options.onClose(self);
  if (shown === new X509Certificate(certificate).fingerprint256) return;
  throw new JobWorkerError(
    "failed_precondition",
    `Cannot serve on ${formatHostPort(hostname, port)}: it does not answer with our certificate` +
      (failure === undefined ? "" : ` (${failure.message})`),
    { cause: failure },
  );
}

/** Where to connect to reach what is bound to this address. */
function loopbackOf(hostname: string): string {
  switch (hostname) {
    case "0.0.0.0":
      return "127.0.0.1";
    case "::":
      return "::1";
    default:
      return hostname;
  }
}
