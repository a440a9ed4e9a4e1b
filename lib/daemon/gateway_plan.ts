import { resolve } from "node:path";
import type { DaemonOptions } from "../config/options.ts";
import type { CredentialFiles } from "./credentials.ts";
import { ENGINE_SOCKET } from "./data_directory.ts";
import type { GatewayKeeperOptions } from "./gateway_keeper.ts";
import type { InheritedSockets } from "./inherited_sockets.ts";

/** What the gateways of a daemon are, whatever it serves. */
export function gatewayPlan(
  options: DaemonOptions,
  { dataDirectory, descriptors, inherited, journal }: {
    /** Absolute path. */
    readonly dataDirectory: string;
    /** How many a gateway may have. */
    readonly descriptors: number;
    readonly inherited: InheritedSockets;
    /** Whether diagnostics go to a journal. */
    readonly journal: boolean;
  },
): Pick<GatewayKeeperOptions, "count" | "files" | "gateway"> {
  const { address, restAddress, publicOrigins, debug } = options;
  return {
    count: options.gateways,
    files: filesOf(options),
    gateway: {
      ...connectionCaps(descriptors),
      maxCalls: maxCallsOf(descriptors),
      ...{ address, restAddress, publicOrigins, debug, inherited, journal },
      socket: `${dataDirectory}/${ENGINE_SOCKET}`,
    },
  };
}

/**
 * How many connections a gateway accepts, of which REST gets half as many in addition. Once out of descriptors it
 * could never accept again: with these it has half of them, and with its calls another quarter.
 */
export function connectionCaps(descriptors: number): {
  maxConnections: number;
  maxConnectionsPerAddress: number;
} {
  const maxConnections = Math.min(4096, Math.max(8, Math.floor((descriptors - 50) / 3)));
  return { maxConnections, maxConnectionsPerAddress: Math.ceil(maxConnections / 2) };
}

/**
 * How many calls an engine takes, where a follower holds a socket and a file, and jobs hold nothing. A gateway makes
 * no more of them, each over a connection of its own.
 */
export function maxCallsOf(descriptors: number): number {
  return Math.min(4096, Math.floor(descriptors / 4));
}

/** The files with what gateways present and accept. */
function filesOf(options: DaemonOptions): CredentialFiles {
  const { cert, key, ca, denyList, restAddress, users } = options;
  return {
    ...{ cert: resolve(cert), key: resolve(key), ca: resolve(ca) },
    denyList: denyList && resolve(denyList),
    restAddress,
    users: resolve(users),
  };
}
