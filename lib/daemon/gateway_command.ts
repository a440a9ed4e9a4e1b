import { fileURLToPath } from "node:url";
import { BCRYPT_WORKER } from "../auth/bcrypt_thread.ts";
import { BUILD } from "../build.ts";
import { type HostPort, LOOPBACK } from "../net/host_port.ts";
import type { GatewayOptions } from "./gateway_protocol.ts";
import { GATEWAY_ROLE } from "./roles.ts";
import { V8_FLAGS } from "./small_memory.ts";

/**
 * The program and arguments of a gateway: this executable in its other role, permitted only to listen where it
 * is told, and to talk to the engine.
 */
export function gatewayCommand(
  options: Pick<GatewayOptions, "socket" | "address" | "restAddress">,
): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), GATEWAY_ROLE];
  const { socket, address, restAddress } = options;
  const net = [address, ...restAddress === null ? [] : [restAddress]].flatMap(permittedHosts);
  const files = restAddress === null ? [] : [fileURLToPath(BCRYPT_WORKER)];
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
    `--allow-net=${[...net, `unix:${socket}`].join(",")}`,
    `--allow-read=${[socket, ...files].join(",")}`,
    // Deno demands this for connecting to a socket.
    `--allow-write=${socket}`,
    Deno.mainModule,
    GATEWAY_ROLE,
  ];
}

/** A gateway also connects to its own port, to check whether it answers. */
function permittedHosts({ hostname, port }: HostPort): string[] {
  const loopback = LOOPBACK[hostname];
  const names = loopback === undefined ? [hostname] : [hostname, loopback];
  const hosts = names.map((name) => name.includes(":") ? `[${name}]` : name);
  return hosts.map((host) => port === 0 ? host : `${host}:${port}`);
}
