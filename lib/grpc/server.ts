import type { PeerCertificate, TLSSocket } from "node:tls";
import type { ClientCertificate } from "../auth/client_certificate.ts";
import { JobWorkerError } from "../errors.ts";
import { peerOf } from "../net/peer.ts";
import type { Caller, JobService } from "../service/job_service.ts";
import { answerLimits } from "./answer_limits.ts";
import { Server, ServerCredentials } from "./grpc.ts";
import { Health } from "./health.ts";
import { RAW_JOB_WORKER } from "./decode_request.ts";
import { jobWorkerHandlers } from "./job_worker_handlers.ts";
import { peerCertificateOf } from "./peer_certificate.ts";
import { FLOW_CONTROL_WINDOW_BYTES, HEALTH } from "./protocol.ts";
import { KEEPALIVE, type Keepalive, keepaliveOptions } from "./protocol.ts";
import { REFLECTION, REFLECTION_V1ALPHA } from "./protocol.ts";
import { reflectionHandlers } from "./reflection.ts";
import { requestLimits } from "./request_limits.ts";
import { type ServerCall, ServerCalls } from "./server_call.ts";
import { writeTogether } from "./write_together.ts";

/** Options of {@linkcode GrpcServer}. */
export interface GrpcServerOptions {
  /** Told of every internal error: the caller only learns that there was one. */
  onFault(error: unknown, method: string): void;
  /** How long {@linkcode GrpcServer.close} waits for answers to reach slow clients; 3 s by default. */
  closeTimeoutMs?: number;
  /** {@linkcode KEEPALIVE} by default. */
  keepalive?: Keepalive;
}

/** What of a call tells whose it is. */
type ConnectedCall = Pick<ServerCall, "getAuthContext">;

const OPTIONS = {
  "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
  // Calls per connection; a client that wants more has to wait. They are more than the engine takes from a user,
  // so a call that is too many is refused by name, and a stop does not wait behind those who follow logs.
  "grpc.max_concurrent_streams": 1200,
  "grpc.enable_channelz": 0,
};

/** The engine, which bounds the calls of a user, knows nothing of these. Each may stay open for ever. */
const SIDE_STREAMS = { maxPerUser: 256, what: "streams of health checks and reflection" };

/**
 * The gRPC API on top of a {@linkcode JobService}. It does not listen itself: the TLS listener hands over each
 * connection once it has verified the client.
 */
export class GrpcServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #injector: ReturnType<Server["createConnectionInjector"]>;
  readonly #health = new Health();
  readonly #calls: ServerCalls;
  /** Those of health checks and reflection. */
  readonly #sideCalls: ServerCalls;
  readonly #closeTimeoutMs: number;
  /** Whose calls come over each connection, by the certificate that it says it has. */
  readonly #callers = new WeakMap<PeerCertificate, Caller>();
  readonly #sockets = new Set<TLSSocket>();
  #closed: Promise<void> | null = null;

  constructor(service: JobService, options: GrpcServerOptions) {
    const { onFault, closeTimeoutMs = 3000, keepalive = KEEPALIVE } = options;
    const callerOf = (call: ConnectedCall) => this.#callerOf(call);
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#server = new Server({
      ...OPTIONS,
      ...keepaliveOptions(keepalive),
      interceptors: [requestLimits(callerOf), answerLimits(callerOf)],
    });
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#calls = new ServerCalls({ callerOf, onFault });
    this.#sideCalls = new ServerCalls({ callerOf, onFault, limit: SIDE_STREAMS });
    this.#server.addService({ ...RAW_JOB_WORKER }, jobWorkerHandlers(service, this.#calls));
    this.#server.addService({ ...HEALTH }, this.#health.handlers(this.#sideCalls));
    for (const definition of [REFLECTION, REFLECTION_V1ALPHA]) {
      this.#server.addService({ ...definition }, reflectionHandlers(this.#sideCalls));
    }
  }

  /** Serves a connection, whose socket belongs to the server from now on. */
  accept(socket: TLSSocket, client: ClientCertificate): void {
    if (this.#closed !== null) {
      socket.destroy();
      return;
    }
    const { notAfter: _, ...caller } = client;
    this.#callers.set(keptCertificate(socket), { ...caller, peer: peerOf(socket) });
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    writeTogether(socket);
    this.#injector.injectConnection(socket);
  }

  /**
   * Accepts no more connections and calls, ends the open calls with `unavailable`, and resolves when the last
   * connection is closed, by force if necessary.
   *
   * @param options.drainTimeoutMs how long calls that end by themselves may still take; 0 by default
   */
  close(options: { drainTimeoutMs?: number } = {}): Promise<void> {
    return this.#closed ??= this.#close(options.drainTimeoutMs ?? 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    const reason = new JobWorkerError("unavailable", "The server is going away: connect again");
    this.#health.stopServing();
    for (const calls of [this.#calls, this.#sideCalls]) calls.end(reason, "open_ended");
    const endAll = setTimeout(() => {
      for (const calls of [this.#calls, this.#sideCalls]) calls.end(reason);
    }, drainTimeoutMs);
    // Under Deno, forceShutdown() leaves a connection open while a call on it has no answer.
    const force = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, drainTimeoutMs + this.#closeTimeoutMs);
    const closed = Promise.withResolvers<void>();
    this.#server.tryShutdown(() => closed.resolve());
    await closed.promise;
    clearTimeout(endAll);
    clearTimeout(force);
  }

  /**
   * Identifies the caller by the certificate of the connection that the call came over, so that neither
   * metadata nor another connection can influence it.
   */
  #callerOf(call: ConnectedCall): Caller {
    const certificate = peerCertificateOf(call);
    const caller = certificate && this.#callers.get(certificate);
    if (caller === undefined) {
      throw new JobWorkerError("unauthenticated", "No verified client certificate");
    }
    return caller;
  }
}

/**
 * Has a connection say without work which certificate it has, as grpc-js asks with each call. With TLS 1.3 it never
 * has another, see section 4.1.2 of RFC 8446.
 *
 * @returns what it says from now on, which no other connection says
 */
function keptCertificate(socket: TLSSocket): PeerCertificate {
  const certificate = socket.getPeerCertificate();
  const ask = socket.getPeerCertificate.bind(socket);
  socket.getPeerCertificate = function getPeerCertificate(detailed?: boolean) {
    return detailed || socket.destroyed ? ask(detailed) : certificate;
  } as typeof socket.getPeerCertificate;
  return certificate;
}
