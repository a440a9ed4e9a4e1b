import type { AddressInfo, Server } from "node:net";
import { failedPrecondition } from "../errors.ts";
import { formatHostPort, type HostPort } from "./host_port.ts";

/** Where a server listens. */
export interface Binding {
  /** A name or an IP address; `"::"` takes IPv4 too. */
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  /** Share the port with other processes that do the same. */
  readonly reusePort?: boolean;
  /** The descriptor of an inherited socket that is bound to this address already. */
  readonly descriptor?: number | null;
}

/**
 * Lets a server listen.
 *
 * @returns where it listens
 * @throws the error of the system; {@linkcode JobWorkerError} `failed_precondition` if the inherited
 * socket is bound to another address
 */
export async function bind(server: Server, binding: Binding): Promise<HostPort> {
  const { hostname, port, reusePort = false, descriptor = null } = binding;
  const bound = Promise.withResolvers<void>();
  server.once("error", bound.reject);
  server.listen(
    descriptor === null ? { host: hostname, port, reusePort } : { fd: descriptor },
    bound.resolve,
  );
  await bound.promise;
  server.off("error", bound.reject);
  // A Unix socket has no address of this kind.
  const address = server.address() as AddressInfo | null;
  const place = { hostname: address?.address ?? "", port: address?.port ?? 0 };
  if (descriptor !== null) {
    const wanted = formatHostPort(hostname, port || place.port);
    const given = formatHostPort(place.hostname, place.port);
    if (given !== wanted) {
      server.close();
      throw failedPrecondition(
        `Cannot listen on ${wanted}: the socket that systemd has handed over is bound to ${given}; ` +
          "use the same address in the socket unit and in the configuration",
      );
    }
  }
  return place;
}
