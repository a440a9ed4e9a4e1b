import { parseHostPort } from "../net/host_port.ts";
import type { AgentOptions } from "./agent_protocol.ts";
import { clientRoleCommand } from "./role_command.ts";
import { AGENT_ROLE } from "./roles.ts";

/**
 * The program and arguments of an agent: this executable in its other role, permitted only to connect to NATS and
 * to its engine.
 */
export function agentCommand(
  { socket, servers }: Pick<AgentOptions, "socket" | "servers">,
): string[] {
  return clientRoleCommand(AGENT_ROLE, { socket, net: natsPermissions(servers) });
}

/** What a client of these servers may connect to. Of a cluster they tell other members, which must be named, too. */
export function natsPermissions(servers: readonly string[]): string[] {
  return servers.filter((server) => parseHostPort(server) !== null);
}
