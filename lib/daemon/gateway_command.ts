import { fileURLToPath } from "node:url";
import { BCRYPT_WORKER } from "../auth/bcrypt_thread.ts";
import { type HostPort, LOOPBACK } from "../net/host_port.ts";
import type { GatewayOptions } from "./gateway_protocol.ts";
import { clientRoleCommand } from "./role_command.ts";
import { GATEWAY_ROLE } from "./roles.ts";

/**
 * The program and arguments of a gateway: this executable in its other role, permitted only to listen where it
 * is told, and to talk to the engine.
 */
export function gatewayCommand(
  options: Pick<GatewayOptions, "socket" | "address" | "restAddress">,
): string[] {
  const { socket, address, restAddress } = options;
  const net = [address, ...restAddress === null ? [] : [restAddress]].flatMap(permittedHosts);
  const files = restAddress === null ? [] : [fileURLToPath(BCRYPT_WORKER)];
  return clientRoleCommand(GATEWAY_ROLE, { socket, net, files });
}

/** A gateway also connects to its own port, to check whether it answers. */
function permittedHosts({ hostname, port }: HostPort): string[] {
  const loopback = LOOPBACK[hostname];
  const names = loopback === undefined ? [hostname] : [hostname, loopback];
  const hosts = names.map((name) => name.includes(":") ? `[${name}]` : name);
  return hosts.map((host) => port === 0 ? host : `${host}:${port}`);
}
