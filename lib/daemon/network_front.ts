import { dirname } from "node:path";
import type { Sessions } from "../auth/sessions.ts";
import { RepeatLimit } from "../async/repeat_limit.ts";
import { messageOf } from "../errors.ts";
import { GrpcServer } from "../grpc/server.ts";
import { type RefusedClient, TlsListener } from "../grpc/tls_listener.ts";
import { rateLimit } from "../rest/rate_limit.ts";
import type { RestServer } from "../rest/server.ts";
import type { GatewayRefusal } from "../service/audit.ts";
import { certsCommand } from "../text/command_hints.ts";
import type { JobService } from "../service/job_service.ts";
import { tlsMaterialOf } from "./credentials.ts";
import { diagnostics } from "./diagnostics.ts";
import { watchExpiry } from "./expiry.ts";
import { FrontCounts } from "./front_counts.ts";
import type { GatewayAddresses, GatewayCounts, GatewayOptions } from "./gateway_protocol.ts";
import { portOf, REPORTS, warnOfRefused } from "./listening.ts";

/** Options of {@linkcode NetworkFront.open}. */
export interface NetworkFrontOptions
  extends Omit<GatewayOptions, "socket" | "maxCalls" | "debug" | "journal" | "sessions"> {
  /** Who has logged in to the page; `null` if nobody can. */
  readonly sessions?: Sessions | null;
  /** Is told, for the audit trail, of those who are turned away; of a crowd of strangers only of some. */
  readonly onRefused: (refusal: GatewayRefusal) => void;
  /** Is called whenever somebody comes, also if they are turned away. */
  readonly onUsed: () => void;
}

/** Everything that faces the network: TLS, gRPC and REST over a `JobService`. It runs no program. */
export class NetworkFront implements AsyncDisposable {
  readonly #listener: TlsListener;
  readonly #rest: RestServer | null;
  readonly #counts: FrontCounts;
  readonly #closing: { drainTimeoutMs: number };
  readonly #resources: AsyncDisposableStack;

  private constructor(
    listener: TlsListener,
    rest: RestServer | null,
    counts: FrontCounts,
    closing: { drainTimeoutMs: number },
    resources: AsyncDisposableStack,
  ) {
    this.#listener = listener;
    this.#rest = rest;
    this.#counts = counts;
    this.#closing = closing;
    this.#resources = resources;
  }

  /** @throws `unavailable` if the address is in use */
  static async open(service: JobService, options: NetworkFrontOptions): Promise<NetworkFront> {
    await using resources = new AsyncDisposableStack();
    const { hostname } = options.address;
    const { credentials } = options;
    const material = tlsMaterialOf(credentials);
    const denyList = new Set(credentials.denyList);
    resources.use(
      watchExpiry(material.notAfter, (expires) => {
        const cert = credentials.certPath;
        const command = certsCommand(["renew", "server"], dirname(cert));
        diagnostics.warn(
          "The certificate {cert} {expires}: renew it ({command}), and reload",
          { cert, expires, command },
        );
      }),
    );
    const descriptor = options.inherited.grpc;
    const port = await portOf(options.address, descriptor, options);
    const grpc = new GrpcServer(service, {
      onFault: (error, method) => diagnostics.error("{method} failed: {error}", { method, error }),
    });
    const closing = { drainTimeoutMs: 0 };
    const counts = new FrontCounts();
    // Where there is none its code, 4 MB of memory, is not loaded.
    const rest = options.restAddress === null ? null : await (await import("./rest_front.ts"))
      .openRest(service, options.restAddress, { ...options, material, counts }, resources);
    // Both at once, because the calls of either may take a while.
    resources.defer(async () => {
      await Promise.all([grpc.close(closing), rest?.close(closing)]);
    });
    const onKnown = (refused: RefusedClient, unreported = 0) => {
      warnOfRefused(refused, unreported);
      options.onRefused(refusalOf(refused, unreported));
    };
    const onStranger = rateLimit(onKnown, REPORTS);
    // A client that holds one of our certificates has its own share.
    const known = resources.use(new RepeatLimit({ ...REPORTS, maxSubjects: 100 }));
    // The lines about a crowd are all alike, and nothing is known of any of its clients.
    const forCrowd = () => rateLimit(warnOfRefused, { ...REPORTS, max: 1 });
    const onCrowd: Partial<Record<RefusedClient["reason"], (refused: RefusedClient) => void>> = {
      too_many_connections: forCrowd(),
      too_many_failures: forCrowd(),
    };
    const listener = resources.use(
      await TlsListener.listen({
        hostname,
        port,
        reusePort: true,
        descriptor,
        material,
        denyList,
        maxConnections: options.maxConnections,
        maxConnectionsPerAddress: options.maxConnectionsPerAddress,
        slowness: options.slowness,
        onConnection: (socket, client) => {
          options.onUsed();
          counts.grpc.accepted++;
          grpc.accept(socket, client);
        },
        onRefused: (refused) => {
          options.onUsed();
          counts.grpc.refused++;
          const onOne = onCrowd[refused.reason];
          if (onOne !== undefined) onOne(refused);
          else if (!isKnown(refused)) onStranger(refused);
          else if (known.admit(refused.fingerprint, (leftOut) => onKnown(refused, leftOut))) {
            onKnown(refused);
          }
        },
        onError: (error) => diagnostics.error("Listener: {why}", { why: messageOf(error) }),
      }),
    );
    return new NetworkFront(listener, rest, counts, closing, resources.move());
  }

  /** Where it listens. */
  get addresses(): GatewayAddresses {
    return { address: this.#listener.address, restAddress: this.#rest?.address ?? null };
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#listener.connections + (this.#rest?.connections ?? 0);
  }

  /** What has come since it listens. */
  get counts(): GatewayCounts {
    const { grpc, rest } = this.#counts;
    return {
      residentBytes: Deno.memoryUsage().rss,
      grpc: { ...grpc, connections: this.#listener.connections },
      rest: this.#rest && { ...rest, connections: this.#rest.connections },
    };
  }

  /** Connects to its own ports; throws if one does not answer as it should. */
  async probe(): Promise<void> {
    await Promise.all([this.#listener.probe(), this.#rest?.probe()]);
  }

  /** Disposes of it, but first gives calls that end by themselves this long to do so. */
  async drain(drainTimeoutMs: number): Promise<void> {
    this.#closing.drainTimeoutMs = drainTimeoutMs;
    await this[Symbol.asyncDispose]();
  }

  /** Stops listening, ends the calls that are open with `unavailable`, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Whether a CA of ours has signed the certificate: anybody can make others, any number of them. */
function isKnown({ reason, fingerprint }: RefusedClient): boolean {
  const signed = [
    ...["not_yet_valid", "expired", "no_client_auth", "denied", "bad_common_name"],
    "too_many_connections_of_user",
  ];
  return fingerprint !== "" && signed.includes(reason);
}

function refusalOf(
  { peer, message, fingerprint }: RefusedClient,
  unreported: number,
): GatewayRefusal {
  return { method: "connect", peer, user: "", fingerprint, why: message.slice(0, 512), unreported };
}
