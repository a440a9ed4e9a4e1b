import type { Socket } from "node:net";
import { formatHostPort } from "./host_port.ts";

/** The address and port of the other side, as people write them. */
export function peerOf(socket: Socket): string {
  return formatHostPort(socket.remoteAddress, socket.remotePort);
}
