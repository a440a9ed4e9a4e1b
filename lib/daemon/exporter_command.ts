import { formatHostPort, type HostPort } from "../net/host_port.ts";
import { ownRoleCommand } from "./role_command.ts";
import { EXPORTER_ROLE } from "./roles.ts";

/**
 * The program and arguments of an exporter: this executable in its other role, permitted to listen at one address, and
 * nothing else.
 */
export function exporterCommand({ hostname, port }: HostPort): string[] {
  // Without a port, Deno permits all of them.
  const host = formatHostPort(hostname, port).replace(/:0$/, "");
  return ownRoleCommand(EXPORTER_ROLE, [`--allow-net=${host}`]);
}
