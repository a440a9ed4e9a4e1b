/**
 * Listens on the network: TLS 1.3 with a client certificate, which we verify ourselves on every connection.
 *
 * All TLS servers of a process share one key for session tickets, and a resumed session is not verified again: a
 * client with a ticket from any of them, even from an HTTPS listener that wants no certificate, also passes the
 * TLS stack here. The stack does not know our deny list either, or look at the certificate after the handshake.
 * So it is the first of two checks, and never the only one.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Socket } from "node:net";
import * as tls from "node:tls";
import {
  ADMISSION_MESSAGES,
  AdmissionControl,
  type AdmissionRefusal,
  type RefusedConnection,
} from "../auth/admission_control.ts";
import { handshakeFault } from "../auth/handshake_alert.ts";
import { MAX_SENT_CERTIFICATES, type Trust } from "../auth/certificate_path.ts";
import {
  type ClientCertificate,
  type RefusalReason,
  type Verdict,
  verifyClientCertificate,
} from "../auth/client_certificate.ts";
import type { DenyList } from "../auth/deny_list.ts";
import type { TlsMaterial } from "../auth/tls_material.ts";
import { admitFirst } from "../net/admit_first.ts";
import { bind, type Binding } from "../net/bind.ts";
import { JobWorkerError } from "../errors.ts";
import { formatHostPort, type HostPort } from "../net/host_port.ts";
import { checkCertificate, ListenerProbe } from "../net/listener_probe.ts";
import { cannotListen } from "../net/free_port.ts";
import { peerOf } from "../net/peer.ts";

/** A client that was not let in, or whose connection was ended because its certificate is no longer good. */
export interface RefusedClient extends RefusedConnection {
  /** `handshake`: the TLS stack refused it, or the client gave up. */
  readonly reason: RefusalReason | "handshake" | AdmissionRefusal;
  /** The fingerprint of the client's certificate, if it was seen; else `""`. */
  readonly fingerprint: string;
}

/** Long enough for a slow link. A client that sends nothing cannot hold a connection longer. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Options of {@linkcode TlsListener.listen}. */
export interface TlsListenerOptions extends Binding {
  /** Our certificate and key, and the CAs of the clients. */
  readonly material: TlsMaterial;
  /** Empty by default. */
  readonly denyList?: DenyList;
  /** Unfinished handshakes included; 4096 by default. See {@linkcode AdmissionControl}. */
  readonly maxConnections?: number;
  /** From one IPv4 address or IPv6 network; 1024 by default. */
  readonly maxConnectionsPerAddress?: number;
  /** {@linkcode HANDSHAKE_TIMEOUT_MS} by default. */
  readonly handshakeTimeoutMs?: number;
  /** By what to multiply the usual times to reach ourselves: more than 1 on a slow machine. */
  readonly slowness?: number;
  /** Takes over the connection of a verified client, and closes it when done. */
  readonly onConnection: (socket: tls.TLSSocket, client: ClientCertificate) => void;
  /** Told of every connection that was refused or ended later. */
  readonly onRefused: (refused: RefusedClient) => void;
  /** Told that the listener itself has failed, for example because it is out of file descriptors. */
  readonly onError: (error: Error) => void;
}

type RefusedVerdict = Extract<Verdict, { kind: "refused" }>;

/** A connection that was let in, and why. */
interface Admitted {
  readonly peer: string;
  /** The certificates that the client presented, as DER. */
  readonly chain: readonly Uint8Array[];
  readonly client: ClientCertificate;
}

/**
 * The longest time between two checks of the certificates of open connections. No timer notices when the clock is
 * changed or the machine sleeps, and none can wait longer than 2^31 ms.
 */
const MAX_REVERIFY_INTERVAL_MS = 3_600_000;

/** How long unfinished handshakes are waited for at the end: a client that is cut off would take it for a refusal. */
const LAST_HANDSHAKES_MS = 500;

/**
 * Listens for clients that have a certificate. Closing it does not affect the connections that it has handed
 * over, so that calls in progress can be ended properly.
 */
export class TlsListener implements AsyncDisposable {
  readonly #options: TlsListenerOptions;
  readonly #server: tls.Server;
  #address: HostPort = { hostname: "", port: 0 };
  readonly #trust: Trust;

  readonly #admission: AdmissionControl;
  readonly #probe: ListenerProbe;
  /** The peer of each TCP connection, which a closed socket no longer knows. */
  readonly #peers = new WeakMap<object, string>();
  readonly #handshakes = new Map<string, Socket>();
  #onHandshakesDone: () => void = () => {};
  readonly #admitted = new Map<tls.TLSSocket, Admitted>();
  /** The peer of our own probe, whose refusal is not reported. */
  #ownPeer = "";
  #reverifyTimer: ReturnType<typeof setTimeout> | undefined;
  #reverifyAt = Infinity;

  private constructor(options: TlsListenerOptions) {
    this.#options = options;
    const { maxConnections = 4096, maxConnectionsPerAddress = 1024 } = options;
    this.#admission = new AdmissionControl({
      maxConnections,
      maxConnectionsPerAddress,
      onDropped: (socket) => this.#onDropped(socket),
    });
    const { cert, key, ca, trustedCas } = options.material;
    this.#trust = { trustedCas, denyList: options.denyList ?? new Set() };
    this.#server = tls.createServer({
      cert,
      key,
      ca,
      minVersion: "TLSv1.3",
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ["h2"],
      handshakeTimeout: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
    });
    admitFirst(this.#server, (socket) => this.#admits(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#onHandshakeError(error, socket));
    this.#server.on("secureConnection", (socket) => this.#onSecureConnection(socket));
    this.#probe = new ListenerProbe(this.#server, options.slowness);
  }

  /**
   * Binds the port, and does one handshake with itself.
   *
   * @throws {JobWorkerError} `failed_precondition` if the port cannot be bound, or does not answer with
   * our certificate.
   */
  static async listen(options: TlsListenerOptions): Promise<TlsListener> {
    const listener = new TlsListener(options);
    await listener.#bind();
    try {
      await listener.#shakeHands();
    } catch (error) {
      await listener[Symbol.asyncDispose]();
      throw error;
    }
    return listener;
  }

  /** Where it listens. */
  get address(): HostPort {
    return this.#address;
  }

  /**
   * Checks whether connections still arrive. Call it from time to time: a listener that has run out of file
   * descriptors never accepts again, and does not report it.
   *
   * @throws {JobWorkerError} `failed_precondition` if they do not.
   */
  async probe(): Promise<void> {
    await this.#probe.check(this.#address);
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#probe.open;
  }

  /** Stops listening, and drops handshakes that do not finish now. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#reverifyTimer);
    this.#server.close();
    await this.#lastHandshakes();
    await Promise.all(
      Array.from(this.#handshakes.values(), (socket) => {
        socket.destroy();
        return once(socket, "close");
      }),
    );
  }

  async #lastHandshakes(): Promise<void> {
    if (this.#handshakes.size === 0) return;
    const done = Promise.withResolvers<void>();
    const timer = setTimeout(done.resolve, LAST_HANDSHAKES_MS);
    this.#onHandshakesDone = done.resolve;
    await done.promise;
    clearTimeout(timer);
  }

  #endHandshake(peer: string): void {
    this.#handshakes.delete(peer);
    if (this.#handshakes.size === 0) this.#onHandshakesDone();
  }

  /** The TLS stack accepts any certificate and key; only a handshake shows whether it can serve with them. */
  async #shakeHands(): Promise<void> {
    const { material, slowness } = this.#options;
    await this.#probe.use(this.#address, async (socket) => {
      this.#ownPeer = formatHostPort(socket.localAddress, socket.localPort);
      await checkCertificate(socket, material.cert, slowness);
    });
  }

  async #bind(): Promise<void> {
    try {
      this.#address = await bind(this.#server, this.#options);
    } catch (error) {
      throw error instanceof JobWorkerError ? error : cannotListen(this.#options, error);
    }
    this.#server.on("error", this.#options.onError);
  }

  #admits(socket: Socket): boolean {
    const peer = peerOf(socket);
    const refusal = this.#admission.admit(socket);
    if (refusal !== null) {
      this.#refuseUnseen(peer, refusal);
      socket.destroy();
      return false;
    }
    this.#peers.set(socket, peer);
    this.#handshakes.set(peer, socket);
    socket.once("close", () => this.#endHandshake(peer));
    return true;
  }

  #onDropped(socket: Socket): void {
    // That its handshake fails is no news then.
    this.#peers.delete(socket);
    this.#refuseUnseen(peerOf(socket), "too_many_connections");
  }

  #onHandshakeError(error: Error, socket: tls.TLSSocket): void {
    // The underlying TCP socket, for which Node has no public name.
    const transport: unknown = Reflect.get(socket, "_parent");
    const peer = this.#peers.get(Object(transport));
    // A handshake that has timed out stays open unless it is closed here.
    socket.destroy();
    // Without a peer it was dropped, which has been reported. And a client that left without sending a
    // byte only checked the port, as a load balancer does, or a process that shares it.
    if (peer === undefined || isNullConnection(error, transport)) return;
    const detail: unknown = socket.authorizationError;
    const why = HANDSHAKE_FAULTS[String(detail)] ?? detail ?? handshakeFault(error.message);
    this.#report(peer, "handshake", `TLS handshake failed: ${why}`);
  }

  #onSecureConnection(socket: tls.TLSSocket): void {
    const peer = peerOf(socket);
    this.#endHandshake(peer);
    // "close" follows and is handled; whoever takes over the socket adds their own listener.
    socket.on("error", () => {});
    const chain = chainOf(socket);
    const verdict = this.#verify(chain);
    if (verdict.kind === "refused") {
      this.#refuse(socket, peer, verdict);
      return;
    }
    const { client } = verdict;
    const refusal = this.#admission.authenticated(socket, client.identity.user);
    if (refusal !== null) {
      this.#report(peer, refusal, ADMISSION_MESSAGES[refusal], client.fingerprint);
      socket.destroy();
      return;
    }
    this.#admitted.set(socket, { peer, chain, client });
    socket.once("close", () => this.#admitted.delete(socket));
    this.#reverifyBy(client.notAfter + 1);
    this.#options.onConnection(socket, client);
  }

  #verify(chain: readonly Uint8Array[]): Verdict {
    return verifyClientCertificate(chain, this.#trust, Date.now());
  }

  #reverify(): void {
    this.#reverifyAt = Infinity;
    // Many connections may share one certificate and its chain.
    const verdicts = new Map<string, Verdict>();
    for (const [socket, { peer, chain }] of this.#admitted) {
      const key = Buffer.concat(chain).toString("base64");
      const verdict = verdicts.get(key) ?? this.#verify(chain);
      verdicts.set(key, verdict);
      if (verdict.kind === "refused") this.#refuse(socket, peer, verdict);
      else this.#reverifyBy(verdict.client.notAfter + 1);
    }
  }

  /** Schedules a check of the open connections no later than at that time. */
  #reverifyBy(time: number): void {
    const now = Date.now();
    const wakeAt = Math.min(time, now + MAX_REVERIFY_INTERVAL_MS);
    if (wakeAt >= this.#reverifyAt) return;
    clearTimeout(this.#reverifyTimer);
    this.#reverifyAt = wakeAt;
    this.#reverifyTimer = setTimeout(() => this.#reverify(), wakeAt - now);
  }

  #refuse(socket: tls.TLSSocket, peer: string, verdict: RefusedVerdict): void {
    this.#admitted.delete(socket);
    // First what is on record: whoever is turned away may ask for it at once.
    this.#report(peer, verdict.reason, verdict.message, verdict.fingerprint);
    socket.destroy();
  }

  #refuseUnseen(peer: string, reason: AdmissionRefusal): void {
    this.#report(peer, reason, ADMISSION_MESSAGES[reason]);
  }

  #report(
    peer: string,
    reason: RefusedClient["reason"],
    message: string,
    fingerprint = "",
  ): void {
    if (peer === this.#ownPeer) return;
    this.#options.onRefused({ peer, reason, message, fingerprint });
  }
}

/** What the TLS stack says is wrong with a certificate, which it does not reveal otherwise. */
const HANDSHAKE_FAULTS: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the client certificate does not chain to a CA that is trusted here, has expired or is not yet valid, " +
    "or is not for clients; if an intermediate CA issued it, the client must send that CA's certificate too",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the client certificate is self-signed, as that of a CA is; " +
    "a client needs one that was issued to it by a CA that is trusted here",
};

/** The most bytes of certificates: a handshake has no room for more. */
const MAX_CHAIN_BYTES = 64 * 1024;

/** The certificates that the client presented, as DER, its own first. */
function chainOf(socket: tls.TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  // The chain goes on with trusted CAs, and does not end: a root is its own issuer.
  let next: Partial<tls.DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  for (let bytes = 0; next?.raw && chain.length <= MAX_SENT_CERTIFICATES;) {
    bytes += next.raw.length;
    if (bytes > MAX_CHAIN_BYTES) break;
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}

function isNullConnection(error: Error, transport: unknown): boolean {
  return Reflect.get(error, "code") === "ECONNRESET" &&
    Reflect.get(Object(transport), "bytesRead") === 0;
}
