import { BUILD } from "../build.ts";
import { CONSOLE_VARIABLE } from "../tracing/collected_log.ts";
import type { OWN_ROLES } from "./roles.ts";
import { V8_FLAGS } from "./small_memory.ts";

type OwnRole = typeof OWN_ROLES[number];

/**
 * The program and arguments of a process of Deno that takes one of our roles. It sees no variable of the environment,
 * asks nobody for a permission, and fetches no code.
 *
 * @param args the permissions of the role, and the module with its arguments
 */
export function roleCommand(...args: readonly string[]): string[] {
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--cached-only",
    "--ignore-env",
    V8_FLAGS,
    ...args,
  ];
}

/**
 * The same for a role of this program that talks to nobody else but these.
 *
 * @param options.socket the engine's
 * @param options.net as `--allow-net` has them; not empty, which would stand for everybody
 * @param options.files that it may read
 */
export function clientRoleCommand(
  role: OwnRole,
  { socket, net, files = [] }: {
    readonly socket: string;
    readonly net: readonly string[];
    readonly files?: readonly string[];
  },
): string[] {
  return ownRoleCommand(role, [
    `--allow-net=${[...net, `unix:${socket}`].join(",")}`,
    `--allow-read=${[socket, ...files].join(",")}`,
    // Deno demands this for connecting to a socket.
    `--allow-write=${socket}`,
  ]);
}

/** The same for a role of this program with these permissions and no others. */
export function ownRoleCommand(role: OwnRole, permissions: readonly string[]): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), role];
  return roleCommand(
    // A bundle needs no configuration, and one that happens to be in a directory above it is not ours.
    ...BUILD === "source" ? [] : ["--no-config"],
    `--allow-env=${CONSOLE_VARIABLE}`,
    ...permissions,
    // The build makes an entry of each role, which is all that Deno reads before it starts.
    BUILD === "source" ? Deno.mainModule : new URL(`./${role}.js`, Deno.mainModule).href,
    role,
  );
}
