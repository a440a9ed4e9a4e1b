import { loadTlsMaterial, type TlsPaths } from "../auth/tls_material.ts";
import { messageOf } from "../errors.ts";
import { findFreePort } from "../grpc/free_port.ts";
import { GrpcServer } from "../grpc/server.ts";
import { TlsListener } from "../grpc/tls_listener.ts";
import type { HostPort } from "../host_port.ts";
import type { JobService } from "../service/job_service.ts";
import { diagnostics } from "./diagnostics.ts";

/** Options of {@linkcode NetworkFront.open}. */
export interface NetworkFrontOptions extends TlsPaths {
  readonly address: HostPort;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Fail if another process listens there, although the port can be shared. */
  readonly exclusive: boolean;
}

/** All that faces the network: TLS and gRPC over a `JobService`, and nothing that runs a program. */
export class NetworkFront implements AsyncDisposable {
  readonly #listener: TlsListener;
  readonly #closing: { patienceMs: number };
  readonly #resources: AsyncDisposableStack;

  private constructor(
    listener: TlsListener,
    closing: { patienceMs: number },
    resources: AsyncDisposableStack,
  ) {
    this.#listener = listener;
    this.#closing = closing;
    this.#resources = resources;
  }

  /** @throws `failed_precondition` if the certificates are no good or the address is in use */
  static async open(service: JobService, options: NetworkFrontOptions): Promise<NetworkFront> {
    await using resources = new AsyncDisposableStack();
    const { hostname } = options.address;
    const material = await loadTlsMaterial(options);
    const port = options.exclusive ? await findFreePort(options.address) : options.address.port;
    const grpc = new GrpcServer(service, {
      onFault: (error, method) => diagnostics.error("{method} failed: {error}", { method, error }),
    });
    const closing = { patienceMs: 0 };
    resources.defer(() => grpc.close(closing));
    const listener = resources.use(
      await TlsListener.listen({
        hostname,
        port,
        reusePort: true,
        material,
        maxConnections: options.maxConnections,
        maxConnectionsPerAddress: options.maxConnectionsPerAddress,
        onConnection: (socket, client) => grpc.accept(socket, client),
        onRefused: ({ peer, message, fingerprint }) => {
          diagnostics.warn("Refused {peer}: {message}", { peer, message, fingerprint });
        },
        onError: (error) => diagnostics.error("Listener: {why}", { why: messageOf(error) }),
      }),
    );
    return new NetworkFront(listener, closing, resources.move());
  }

  /** Where it listens. */
  get address(): HostPort {
    return this.#listener.address;
  }

  /** Connects to its own port; throws if that does not answer as it should. */
  async probe(): Promise<void> {
    await this.#listener.probe();
  }

  /** The same as disposing of it, but calls that end by themselves have so long to do so. */
  async drain(patienceMs: number): Promise<void> {
    this.#closing.patienceMs = patienceMs;
    await this[Symbol.asyncDispose]();
  }

  /** Stops listening, ends the calls that are open with `unavailable`, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
