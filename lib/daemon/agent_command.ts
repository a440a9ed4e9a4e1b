import { BUILD } from "../build.ts";
import { parseHostPort } from "../net/host_port.ts";
import type { AgentOptions } from "./agent_protocol.ts";
import { AGENT_ROLE } from "./roles.ts";
import { V8_FLAGS } from "./small_memory.ts";

/**
 * The program and arguments of an agent: this executable in its other role, permitted only to connect to NATS and
 * to its engine.
 */
export function agentCommand(
  { socket, servers }: Pick<AgentOptions, "socket" | "servers">,
): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), AGENT_ROLE];
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--cached-only",
    "--ignore-env",
    V8_FLAGS,
    // A bundle needs no configuration, and one that happens to be in a directory above it is not ours.
    ...BUILD === "source" ? [] : ["--no-config"],
    `--allow-net=${[...natsPermissions(servers), `unix:${socket}`].join(",")}`,
    `--allow-read=${socket}`,
    // Deno demands this for connecting to a socket.
    `--allow-write=${socket}`,
    Deno.mainModule,
    AGENT_ROLE,
  ];
}

/** What a client of these servers may connect to. Of a cluster they tell other members, which must be named, too. */
export function natsPermissions(servers: readonly string[]): string[] {
  return servers.filter((server) => parseHostPort(server) !== null);
}
