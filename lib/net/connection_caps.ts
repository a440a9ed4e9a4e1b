import type { Socket } from "node:net";
import { formatHostPort, networkOf } from "./host_port.ts";

/** A connection that was not let in. */
export interface RefusedConnection {
  /** Address and port of the other side, as people write them. */
  readonly peer: string;
  readonly message: string;
}

/** How many connections may be open at once. */
export interface ConnectionCapsOptions {
  readonly maxConnections: number;
  /** From one IPv4 address or IPv6 network, see {@linkcode networkOf}. */
  readonly maxConnectionsPerAddress: number;
}

/** Counts TCP connections, from their first moment on. */
export class ConnectionCaps {
  readonly #options: ConnectionCapsOptions;
  /** The connections by the address and port of the other side. */
  readonly #open = new Map<string, Socket>();
  readonly #countByNetwork = new Map<string, number>();

  constructor(options: ConnectionCapsOptions) {
    this.#options = options;
  }

  /** Whether there is room for this connection. If so, it counts until it is closed. */
  admit(socket: Socket): boolean {
    const { maxConnections, maxConnectionsPerAddress } = this.#options;
    const network = networkOf(socket.remoteAddress ?? "");
    const count = this.#countByNetwork.get(network) ?? 0;
    if (this.#open.size >= maxConnections || count >= maxConnectionsPerAddress) return false;
    const peer = peerOf(socket);
    this.#open.set(peer, socket);
    this.#countByNetwork.set(network, count + 1);
    socket.once("close", () => {
      this.#open.delete(peer);
      const left = (this.#countByNetwork.get(network) ?? 0) - 1;
      if (left > 0) this.#countByNetwork.set(network, left);
      else this.#countByNetwork.delete(network);
    });
    return true;
  }

  /** Ends every connection, in whatever state, except those of these peers. */
  end(spared: ReadonlySet<string> = new Set()): void {
    for (const [peer, socket] of this.#open) if (!spared.has(peer)) socket.destroy();
  }
}

/** The address and port of the other side. */
export function peerOf(socket: Socket): string {
  return formatHostPort(socket.remoteAddress, socket.remotePort);
}
