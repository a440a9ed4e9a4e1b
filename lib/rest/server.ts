import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import * as https from "node:https";
import { isIP, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import {
  ADMISSION_MESSAGES,
  AdmissionControl,
  type RefusedConnection,
} from "../auth/admission_control.ts";
import { handshakeFault } from "../auth/handshake_alert.ts";
import type { TlsMaterial } from "../auth/tls_material.ts";
import { admitFirst } from "../net/admit_first.ts";
import { bind, type Binding } from "../net/bind.ts";
import { JobWorkerError } from "../errors.ts";
import type { HostPort } from "../net/host_port.ts";
import { checkCertificate, ListenerProbe } from "../net/listener_probe.ts";
import { peerOf } from "../net/peer.ts";
import { bridge } from "./node_bridge.ts";
import type { RestEnv } from "./rest_env.ts";

/** How long clients may take, in milliseconds. */
export interface RestDeadlines {
  /** For the TLS handshake. */
  readonly handshakeMs: number;
  /** For the head of a request, and for its first byte on a new connection. */
  readonly headersMs: number;
  /** For all of a request. */
  readonly requestMs: number;
  /** Between two requests on a connection. */
  readonly idleMs: number;
  /** For what is left of an answer when the server is closed. */
  readonly closeMs: number;
}

/** Enough for slow clients, and too little to hold a connection for ever. */
export const REST_DEADLINES: RestDeadlines = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 30_000,
  idleMs: 15_000,
  closeMs: 3_000,
};

/** Options of {@linkcode RestServer.listen}. */
export interface RestServerOptions extends Binding {
  /** Our certificate and key. */
  readonly material: Pick<TlsMaterial, "cert" | "key">;
  /** The application: the `fetch` of a `restApp`. */
  readonly answer: (request: Request, env: RestEnv["Bindings"]) => Response | Promise<Response>;
  /** Unfinished handshakes included; 4096 by default. See {@linkcode AdmissionControl}. */
  readonly maxConnections?: number;
  /** From one IPv4 address or IPv6 network; 1024 by default. */
  readonly maxConnectionsPerAddress?: number;
  /** {@linkcode REST_DEADLINES} for those that are left out. */
  readonly deadlines?: Partial<RestDeadlines>;
  /** By how much the time that it may take to reach ourselves is multiplied: more than 1 on a slow machine. */
  readonly slowness?: number;
  readonly onRefused: (refused: RefusedConnection) => void;
  /** Told that the listener itself has failed, for example because it is out of file descriptors. */
  readonly onError: (error: Error) => void;
}

/** How late the end of a deadline may be noticed; node looks as often even while nobody is connected. */
const CHECK_DEADLINES_EVERY_MS = 5_000;

/** The most bytes in the head of a request. */
const MAX_HEADER_BYTES = 16 * 1024;

/** The answers to what the HTTP parser does not accept, by the code of its error. */
const PARSER_STATUSES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** A request that is being answered. */
interface Call {
  readonly peer: string;
  readonly controller: AbortController;
  openEnded: boolean;
}

/**
 * Serves HTTPS: from TLS 1.2 for the sake of browsers, without client certificates, and with a deadline for
 * everything that a client could draw out. All TLS servers in this process share the key of their session
 * tickets, which is why `lib/grpc/tls_listener.ts` checks the certificate of each connection itself.
 */
export class RestServer implements AsyncDisposable {
  readonly #options: RestServerOptions;
  readonly #deadlines: RestDeadlines;
  readonly #server: https.Server;
  readonly #admission: AdmissionControl;
  readonly #probe: ListenerProbe;
  readonly #calls = new Set<Call>();
  /** The answer in progress on a connection. */
  readonly #responses = new WeakMap<Socket, ServerResponse>();
  #address: HostPort = { hostname: "", port: 0 };
  #refusal: JobWorkerError | null = null;
  #closed: Promise<void> | null = null;

  private constructor(options: RestServerOptions) {
    const { material: { cert, key } } = options;
    const { maxConnections = 4096, maxConnectionsPerAddress = 1024 } = options;
    this.#options = options;
    this.#deadlines = { ...REST_DEADLINES, ...options.deadlines };
    const { handshakeMs, headersMs, requestMs, idleMs } = this.#deadlines;
    this.#admission = new AdmissionControl({
      maxConnections,
      maxConnectionsPerAddress,
      onDropped: (socket) => this.#report(peerOf(socket), ADMISSION_MESSAGES.too_many_connections),
    });
    this.#server = https.createServer({
      cert,
      key,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: handshakeMs,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(headersMs, CHECK_DEADLINES_EVERY_MS),
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    admitFirst(this.#server, (socket) => this.#admits(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#onHandshakeError(error, socket));
    this.#server.on("clientError", (error, socket) => this.#onClientError(error, socket as Socket));
    this.#server.on("request", (...exchange) => void this.#onRequest(...exchange));
    // Otherwise node would send 100 Continue before the client is authenticated.
    this.#server.on("checkContinue", (...exchange) => void this.#onRequest(...exchange));
    this.#probe = new ListenerProbe(this.#server, options.slowness);
  }

  /** Binds the port and connects to itself once. Rejects with the error of the system if it cannot. */
  static async listen(options: RestServerOptions): Promise<RestServer> {
    const server = new RestServer(options);
    server.#address = await bind(server.#server, options);
    server.#server.on("error", options.onError);
    try {
      await server.#shakeHands();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Where it listens. */
  get address(): HostPort {
    return this.#address;
  }

  /**
   * Checks whether connections still arrive.
   *
   * @throws {JobWorkerError} `failed_precondition` if they do not
   */
  async probe(): Promise<void> {
    await this.#probe.check(this.#address);
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#probe.open;
  }

  /**
   * Accepts no more connections and calls, ends those that only an event would end, and resolves when the
   * last connection is closed, by force if necessary.
   *
   * @param options.drainTimeoutMs how long calls that end by themselves may still take; 0 by default
   */
  close(options: { drainTimeoutMs?: number } = {}): Promise<void> {
    return this.#closed ??= this.#close(options.drainTimeoutMs ?? 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The TLS stack accepts any certificate and key; only a handshake shows whether it can serve with them. */
  async #shakeHands(): Promise<void> {
    const { material: { cert }, slowness } = this.#options;
    await this.#probe.use(
      this.#address,
      (socket) => checkCertificate(socket, cert, slowness),
    );
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    const reason = new JobWorkerError("unavailable", "The server is going away: connect again");
    const closed = once(this.#server, "close");
    this.#refusal = reason;
    this.#server.close();
    this.#end(reason, "open_ended");
    this.#admission.end(new Set(Array.from(this.#calls, ({ peer }) => peer)));
    const endAll = setTimeout(() => this.#end(reason, "all"), drainTimeoutMs);
    const force = setTimeout(() => this.#admission.end(), drainTimeoutMs + this.#deadlines.closeMs);
    await closed;
    clearTimeout(endAll);
    clearTimeout(force);
  }

  #end(reason: JobWorkerError, which: "open_ended" | "all"): void {
    for (const { controller, openEnded } of this.#calls) {
      if (openEnded || which === "all") controller.abort(reason);
    }
  }

  #admits(socket: Socket): boolean {
    const refusal = this.#admission.admit(socket);
    if (refusal === null) {
      // Detects within about two minutes that the other side has vanished.
      socket.setKeepAlive(true, 30_000);
      return true;
    }
    this.#report(peerOf(socket), ADMISSION_MESSAGES[refusal]);
    socket.destroy();
    return false;
  }

  #onHandshakeError(error: Error, socket: TLSSocket): void {
    // A handshake that has timed out stays open unless it is closed here.
    socket.destroy();
    // Port scans and browsers that do not trust us are not worth a report without an address.
    if (socket.remoteAddress === undefined) return;
    this.#report(peerOf(socket), `TLS handshake failed: ${handshakeFault(error.message)}`);
  }

  #report(peer: string, message: string): void {
    this.#options.onRefused({ peer, message });
  }

  #onClientError(error: Error & { code?: string }, socket: Socket): void {
    const isAnswering = this.#responses.get(socket)?.headersSent === true;
    if (isAnswering || !socket.writable || /^(ECONNRESET|EPIPE)$/.test(error.code ?? "")) {
      socket.destroy();
      return;
    }
    const status = PARSER_STATUSES[error.code ?? ""] ?? "400 Bad Request";
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    socket.destroySoon();
  }

  async #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { socket } = incoming;
    const peer = peerOf(socket);
    this.#admission.excuse(socket);
    const call: Call = { peer, controller: new AbortController(), openEnded: false };
    const { signal } = call.controller;
    this.#calls.add(call);
    this.#responses.set(socket, outgoing);
    outgoing.once("close", () => {
      this.#calls.delete(call);
      // After the end of an answer this only ends what was started and forgotten.
      call.controller.abort(new JobWorkerError("cancelled", "The client has left"));
      if (this.#refusal !== null) socket.end();
    });
    const env = {
      address: socket.remoteAddress ?? "",
      peer,
      openEnded: () => {
        call.openEnded = true;
        if (this.#refusal !== null) call.controller.abort(this.#refusal);
      },
      authenticated: (user: string) => void this.#admission.authenticated(socket, user),
      addTrailer: (name: string, value: string) => outgoing.addTrailers({ [name]: value }),
    };
    await bridge(incoming, outgoing, (request) => this.#options.answer(request, env), signal);
  }
}

/**
 * Returns a function that tells whether a certificate is valid for a name or address.
 *
 * @param cert PEM
 */
export function hostsOf(cert: string): (host: string) => boolean {
  const certificate = new X509Certificate(cert);
  return (host) =>
    (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
}
