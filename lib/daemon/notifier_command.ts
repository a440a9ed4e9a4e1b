import { ownRoleCommand } from "./role_command.ts";
import { NOTIFIER_ROLE } from "./roles.ts";

/** The port of https, which a URL leaves out. */
const HTTPS_PORT = 443;

/**
 * The program and arguments of a notifier: this executable in its other role, permitted only to connect to these
 * hosts.
 *
 * @param hosts at least one, as `URL.host` has them
 */
export function notifierCommand(hosts: Iterable<string>): string[] {
  const net = Array.from(hosts, (host) => {
    const { hostname, port } = new URL(`https://${host}`);
    return `${hostname}:${port || HTTPS_PORT}`;
  });
  if (net.length === 0) throw new Error("A notifier that may call nobody could call everybody");
  return ownRoleCommand(NOTIFIER_ROLE, [`--allow-net=${net.join(",")}`]);
}

/** The variables by which Deno would be led to a proxy, which knows where all requests go. */
const PROXY_VARIABLES = ["HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY"];

/**
 * The words before its command line that keep it from others than its hosts, for env(1): from proxies, and from a
 * collector of traces, since the runtime tells that the whole URL of each request, and there may be a secret in it.
 */
export const NOBODY_ELSE: readonly string[] = [
  ...PROXY_VARIABLES.flatMap((name) => [name, name.toLowerCase()]).flatMap((name) => ["-u", name]),
  "OTEL_SDK_DISABLED=true",
];
