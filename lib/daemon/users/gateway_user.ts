/**
 * The user that gateways run as where the daemon is root. They face the network, and the permissions of their
 * runtime do not bind a fault in its native code: such a fault has the rights of this user.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILD } from "../../build.ts";
import { type DaemonOptions, IN_MEMORY } from "../../config/options.ts";
import { failedPrecondition } from "../../errors.ts";
import { findTool } from "../../process/tools.ts";
import { NO_NEW_PRIVILEGES, type Rights } from "../../process/users.ts";
import { canOpenToGroup } from "../data_directory.ts";
import type { GatewayOptions } from "../gateway_protocol.ts";
import type { InheritedSockets } from "../inherited_sockets.ts";
import { CONSOLE_VARIABLE } from "../../tracing/collected_log.ts";
import { findUsers } from "./getent.ts";
import { programOutput } from "../program_output.ts";
import { shellOutput } from "../shell_output.ts";

/** The user that is taken if it exists and nobody has named another. */
export const GATEWAY_USER = "job-worker-gateway";

/** Makes it. */
export const ADD_GATEWAY_USER: string =
  `useradd --system --no-create-home --home-dir / --shell /usr/sbin/nologin ${GATEWAY_USER}`;

/** Only those who may, and root, can bind a port below this, see ip(7). */
const FIRST_UNPRIVILEGED_PORT = 1024;

type Options = Pick<
  DaemonOptions,
  "gatewayUser" | "dataDir" | "address" | "restAddress"
>;

/** Whom gateways run as. */
export interface GatewayUser {
  /** `null`: as the daemon itself. */
  readonly rights: Rights | null;
  /** Why they run as root, although nobody has asked for that; `null` if they do not. */
  readonly whyRoot: string | null;
}

const OWN: GatewayUser = { rights: null, whyRoot: null };

/**
 * Finds the user that gateways run as, and makes sure that they can.
 *
 * @param setsid absolute path of setsid(1)
 * @param inherited the ports that they need not bind
 * @throws {JobWorkerError} `failed_precondition` if they cannot run as the user that somebody has named
 */
export async function findGatewayUser(
  options: Options,
  setsid: string,
  inherited: InheritedSockets = { grpc: null, rest: null },
): Promise<GatewayUser> {
  const isNamed = options.gatewayUser !== "";
  const name = isNamed ? options.gatewayUser : GATEWAY_USER;
  const own = Deno.uid();
  if (own !== 0 && !isNamed) return OWN;
  const cannot = (why: string): GatewayUser => {
    if (isNamed) throw failedPrecondition(`--gateway-user "${name}": ${why}`);
    return { rights: null, whyRoot: why };
  };
  if (!isNamed && BUILD === "source") {
    return cannot("from source, --gateway-user must name another");
  }
  const users = await findUsers([name], setsid);
  if (users === null) return cannot(`the user "${name}" cannot be looked up now`);
  const rights = users.get(name);
  if (rights === undefined) {
    const advice = `; make it by \`${ADD_GATEWAY_USER}\`, or name another with --gateway-user`;
    return cannot(`there is no user "${name}" on this machine${isNamed ? "" : advice}`);
  }
  if (rights.uid === own) return OWN;
  if (own !== 0) {
    return cannot("only a daemon that runs as root can run its gateways as another user");
  }
  const why = await whyOutOfReach(rights, { ...options, inherited }, setsid);
  return why === null ? { rights, whyRoot: null } : cannot(why);
}

/**
 * The variables by which the runtime finds its cache, and whether and where it sends traces and logs. There may be secrets in
 * others, and what is in the memory of a process is not kept from a fault in it by a permission of the runtime.
 */
const KEPT = [
  "HOME",
  "DENO_DIR",
  "XDG_CACHE_HOME",
  "OTEL_DENO",
  CONSOLE_VARIABLE,
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
  "OTEL_EXPORTER_OTLP_TIMEOUT",
  "OTEL_SERVICE_NAME",
];

/** Starts its arguments, by env(1), which is its name, with no variable but those. */
const WITHOUT_ENVIRONMENT = `exec "$0" -i ${
  KEPT.map((name) => `\${${name}+"${name}=$${name}"}`).join(" ")
} "$@"`;

/** What is said of a process that binds no port. */
export const NO_PORT: Pick<GatewayOptions, "address" | "restAddress" | "inherited"> = {
  address: { hostname: "", port: 0 },
  restAddress: null,
  inherited: { grpc: null, rest: null },
};

/**
 * The words that come before the command line of a gateway, so that it has those rights and never any others.
 *
 * @param rights `null`: those of the daemon
 */
export async function gatewayRights(
  rights: Rights | null,
  options: Pick<GatewayOptions, "address" | "restAddress" | "inherited">,
): Promise<string[]> {
  if (rights === null) return [];
  const { address, restAddress, inherited } = options;
  const bound = [
    ...inherited.grpc === null ? [address.port] : [],
    ...inherited.rest === null && restAddress !== null ? [restAddress.port] : [],
  ];
  // Port 0 is any free one.
  const isPrivileged = bound.some((port) => port > 0 && port < FIRST_UNPRIVILEGED_PORT);
  const capabilities = isPrivileged ? "-all,+net_bind_service" : "-all";
  return [
    ...[await findTool("sh"), "-c", WITHOUT_ENVIRONMENT, await findTool("env")],
    await findTool("setpriv"),
    `--reuid=${rights.uid}`,
    `--regid=${rights.gid}`,
    "--clear-groups",
    `--inh-caps=${capabilities}`,
    `--ambient-caps=${capabilities}`,
    `--bounding-set=${capabilities}`,
    NO_NEW_PRIVILEGES,
    "--",
  ];
}

/** Prints the first of its arguments that we may not read, or enter, by the kernel's own judgement. */
const FIND_UNREACHABLE = `for path; do
  if [ -d "$path" ]; then [ -x "$path" ]; else [ -r "$path" ]; fi || { printf %s "$path"; exit; }
done`;

/** Prints the capabilities that it has, see proc_pid_status(5). */
const READ_CAPABILITIES =
  'while read -r name value; do [ "$name" != CapEff: ] || echo "$value"; done </proc/self/status';

/** What it takes to run a process as another user, to end it, and to give it a socket: see capabilities(7). */
const NEEDED = { CAP_CHOWN: 0n, CAP_KILL: 5n, CAP_SETGID: 6n, CAP_SETUID: 7n };

/** Those of them that we lack, as root in a container may. */
async function lacking(setsid: string): Promise<string[]> {
  const { text } = await shellOutput(READ_CAPABILITIES, [], setsid);
  const own = BigInt(`0x${text.trim() || "0"}`);
  return Object.entries(NEEDED).filter(([, number]) => (own >> number & 1n) === 0n)
    .map(([name]) => name);
}

/** Why a gateway with these rights could not start, or not talk to the engine; `null` if it could. */
async function whyOutOfReach(
  rights: Rights,
  options: Options & Pick<GatewayOptions, "inherited">,
  setsid: string,
): Promise<string | null> {
  // One that is in memory has its socket in a directory that is made in /tmp.
  const directory = options.dataDir === IN_MEMORY ? "/tmp/job-worker" : resolve(options.dataDir);
  if (!await canOpenToGroup(directory, rights.gid)) {
    return `another group than its own has rights in the data directory "${directory}"; run ` +
      `\`chmod g= ${directory}\``;
  }
  // It may be a link.
  const real = await Deno.realPath(directory).catch(() => directory);
  const program = Deno.build.standalone
    ? [Deno.execPath()]
    : [Deno.execPath(), fileURLToPath(Deno.mainModule)];
  const missing = await lacking(setsid);
  if (missing.length > 0) return `the daemon lacks what that takes: ${missing.join(", ")}`;
  const { code, text } = await programOutput(setsid, [
    ...await gatewayRights(rights, options),
    ...[await findTool("sh"), "-c", FIND_UNREACHABLE, "sh"],
    ...[...program, dirname(directory), dirname(real)],
  ]);
  if (code !== 0) return "setpriv(1) cannot give them that user's rights";
  return text === ""
    ? null
    : `that user may not read "${text}": see its mode, and those of the directories above it`;
}
