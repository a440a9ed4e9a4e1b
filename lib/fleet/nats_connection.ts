import "./tls_guard.ts";

import { X509Certificate } from "node:crypto";
import { connect, errors, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { abortable } from "../async/abortable.ts";
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { messageOf } from "../errors.ts";
import { checkNatsVersion } from "./nats_version.ts";
import { identifiedServers } from "./server_identity.ts";

/** How long one attempt to connect may take. */
const CONNECT_TIMEOUT_MS = 10_000;
/** How long to wait between attempts, at the start; later the client has its own times, with some jitter. */
const PAUSE_MS = { first: 250, last: 5_000 };

/** How to connect to the servers of a fleet. */
export interface NatsOptions {
  /** `host:port` of each. */
  readonly servers: readonly string[];
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string };
  /** What the server calls the connection in its own lists. */
  readonly name: string;
  readonly inboxPrefix: string;
  readonly signal: AbortSignal;
  /** Is told of each attempt that failed before there was a connection. */
  readonly onFault: (why: string) => void;
}

/**
 * Connects to one of the servers, as soon as one is there that is not too old. From then on the client connects again by itself
 * whenever that is necessary.
 *
 * @throws the reason of the signal
 */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const { signal, onFault } = options;
  const nextPause = doubling(PAUSE_MS);
  for (;;) {
    signal.throwIfAborted();
    try {
      // No server would say so: it only closes the connection.
      const outdated = certificateFault(options.tls.cert, Date.now());
      if (outdated !== null) throw new Error(outdated);
      const connection = await attempt(options);
      try {
        checkNatsVersion(connection.info?.version ?? "");
        return connection;
      } catch (error) {
        await connection.close();
        throw error;
      }
    } catch (error) {
      signal.throwIfAborted();
      onFault(faultOf(error));
    }
    await delay(nextPause(), { signal });
  }
}

/** Connects once. The client itself goes on with an attempt whatever is aborted, so a late connection is closed. */
async function attempt(options: NatsOptions): Promise<NatsConnection> {
  const connecting = connect(clientOptions(options));
  try {
    return await abortable(connecting, options.signal);
  } catch (error) {
    connecting.then((late) => late.close()).catch(() => {});
    throw error;
  }
}

/** What to do about a certificate that will not do. */
const RENEW = 'for a new one, see "Changing a fleet" in docs/fleet.md';

/**
 * Why no server would let us in by our certificate.
 *
 * @param cert PEM
 * @param time in milliseconds since the Unix epoch
 * @returns `null` if it is not for its dates
 */
export function certificateFault(cert: string, time: number): string | null {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  if (time > validToDate.getTime()) {
    return `our certificate expired on ${validToDate.toISOString()}; ${RENEW}`;
  }
  if (time < validFromDate.getTime()) {
    return `our certificate is not valid before ${validFromDate.toISOString()}; set the clock right`;
  }
  return null;
}

function faultOf(error: unknown): string {
  const code = Reflect.get(Object(error), "code");
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the certificate of nats-server is not for the name or address by which it is looked for (${
      messageOf(error)
    }); ${RENEW}`;
  }
  // It says no more, whatever is wrong with it.
  if (code === "UNABLE_TO_VERIFY_LEAF_SIGNATURE") {
    return `the certificate of nats-server has expired, or is of another CA; ${RENEW}`;
  }
  if (!(error instanceof errors.TimeoutError)) return messageOf(error);
  // With TLS 1.3 the handshake is over for the client before the server has looked at its certificate.
  return "no answer in time; if nats-server is there, its log says whether it refuses our certificate";
}

function clientOptions({ servers, tls, name, inboxPrefix }: NatsOptions) {
  return {
    servers: [...servers],
    ...identifiedServers(tls),
    name,
    inboxPrefix,
    timeout: CONNECT_TIMEOUT_MS,
    // It never gives up, be it that a certificate is not accepted yet: the host may be added in a minute.
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    // Many hosts have lost the same server in the same moment.
    reconnectJitterTLS: 2_000,
    pingInterval: 5_000,
    maxPingOut: 2,
    // It would ask the resolver of the system itself, which needs a permission for every address.
    resolve: false,
  };
}

/** What a message carries: the client has it as a `Buffer` of Node, with other methods of the same names. */
export function bytesOf({ data }: Msg): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}
