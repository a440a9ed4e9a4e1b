import type { Socket } from "node:net";
import { formatHostPort } from "../host_port.ts";

/** How many connections there may be. */
export interface ConnectionCapsOptions {
  readonly maxConnections: number;
  /** From one IP address. */
  readonly maxConnectionsPerAddress: number;
}

/** Counts TCP connections, however far they got. */
export class ConnectionCaps {
  readonly #options: ConnectionCapsOptions;
  /** By address and port of the other side. */
  readonly #open = new Map<string, Socket>();
  readonly #countByAddress = new Map<string, number>();

  constructor(options: ConnectionCapsOptions) {
    this.#options = options;
  }

  /** Whether there is room for this one, which then counts until it is closed. */
  admit(socket: Socket): boolean {
    const { maxConnections, maxConnectionsPerAddress } = this.#options;
    const { remoteAddress = "" } = socket;
    const count = this.#countByAddress.get(remoteAddress) ?? 0;
    if (this.#open.size >= maxConnections || count >= maxConnectionsPerAddress) return false;
    const peer = peerOf(socket);
    this.#open.set(peer, socket);
    this.#countByAddress.set(remoteAddress, count + 1);
    socket.once("close", () => {
      this.#open.delete(peer);
      const left = (this.#countByAddress.get(remoteAddress) ?? 0) - 1;
      if (left > 0) this.#countByAddress.set(remoteAddress, left);
      else this.#countByAddress.delete(remoteAddress);
    });
    return true;
  }

  /** Ends every connection, in whatever state, except those of these peers. */
  end(spared: ReadonlySet<string> = new Set()): void {
    for (const [peer, socket] of this.#open) if (!spared.has(peer)) socket.destroy();
  }
}

/** Address and port of the other side. */
export function peerOf(socket: Socket): string {
  return formatHostPort(socket.remoteAddress, socket.remotePort);
}
