import { dirname, resolve } from "node:path";
import { invalidArgument } from "../errors.ts";
import { findTool } from "../process/tools.ts";
import { loadOptions } from "../config/config_file.ts";
import { natsPermissions } from "./agent_command.ts";
import { AGENT_SOCKET, ENGINE_SOCKET, executorSockets } from "./data_directory.ts";
import { IN_MEMORY } from "../config/options.ts";
import type { DatabaseUrl } from "../net/database_url.ts";
import { formatHostPort } from "../net/host_port.ts";
import type { DaemonInvocation } from "../config/parse_options.ts";
import { notifySocket, OWN_SOCKET } from "./notify_socket.ts";

/**
 * The flags of `deno run` for these arguments, one per line: those of the task `start`, but for any data
 * directory. The portable executable asks for them before it runs the engine. It grants by itself to read files
 * and the variables `WORKER_*`, and to ask for the user.
 *
 * @throws {JobWorkerError} `invalid_argument` for wrong arguments, and for a path that no flag can
 * name
 */
export async function permissionsFor(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<string> {
  const flags = await flagsFor(args, environment);
  return flags.map((flag) => `${flag}\n`).join("");
}

async function flagsFor(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<string[]> {
  const [word, ...others] = args;
  switch (word) {
    case "init":
      return await initFlags(others);
    case "host":
      return await hostFlags(others);
    case "join":
      return await joinFlags(others);
    case "user":
      return await userFlags(others, environment);
    default:
      return await engineFlags(await loadOptions(args, environment), notifySocket(environment));
  }
}

async function engineFlags(
  invocation: DaemonInvocation,
  supervisor: string | null,
): Promise<string[]> {
  if (!("options" in invocation)) return [];
  const setsid = await findTool("setsid");
  const { dataDir, fleet, hub, registry } = invocation.options;
  const run = `--allow-run=${setsid}`;
  const told = supervisor === null ? [] : [pathInFlag(supervisor)];
  if (dataDir === IN_MEMORY) {
    // Its directory, and so its socket, gets a random name later.
    return [run, `--allow-write=${["/tmp", ...told].join(",")}`, "--allow-net"];
  }
  const directory = pathInFlag(resolve(dataDir));
  const sockets = [
    `${directory}/${ENGINE_SOCKET}`,
    ...hub ? [] : executorSockets(directory),
    ...fleet === "" || hub ? [] : [`${directory}/${AGENT_SOCKET}`],
    ...supervisor === null ? [] : [`${directory}/${OWN_SOCKET}`],
    ...told,
  ];
  return [
    run,
    `--allow-write=${[directory, ...told].join(",")}`,
    `--allow-net=${
      [...sockets.map((path) => `unix:${path}`), ...hub ? await serversOf(fleet, registry) : []]
        .join(",")
    }`,
  ];
}

/** Where the servers are that a hub connects to itself: those of NATS, and that of its registry. */
async function serversOf(
  fleet: string,
  registry: DatabaseUrl | null,
): Promise<readonly string[]> {
  const { readFleetSettings } = await import("../fleet/fleet_files.ts");
  const { nats } = await readFleetSettings(dirname(fleet));
  const database = registry === null ? [] : [formatHostPort(registry.host, registry.port)];
  return [...natsPermissions(nats), ...database];
}

async function initFlags(args: readonly string[]): Promise<string[]> {
  const { dataDirectoryOf, parseInit } = await import("./init.ts");
  const options = parseInit(args);
  if (options === null) return [];
  const { directory } = options;
  return [writeFlag([directory, dataDirectoryOf(directory)]), "--allow-sys=hostname"];
}

async function hostFlags(args: readonly string[]): Promise<string[]> {
  const { parseHostLine } = await import("./host_line.ts");
  const verb = await parseHostLine(args);
  if (verb === null || verb.action === "list") return [];
  return [writeFlag([verb.directory, ...verb.action === "add" ? [verb.out] : []])];
}

async function joinFlags(args: readonly string[]): Promise<string[]> {
  const { parseJoin } = await import("./join_command.ts");
  const line = await parseJoin(args);
  return line === null ? [] : await initFlags([`--dir=${line.directory}`]);
}

async function userFlags(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<string[]> {
  const { parseUserCommand } = await import("./user_command.ts");
  const line = await parseUserCommand(args, environment);
  return line === null ? [] : [`--allow-write=${pathInFlag(resolve(dirname(line.path)))}`];
}

function writeFlag(paths: readonly string[]): string {
  return `--allow-write=${[...new Set(paths.map(pathInFlag))].join(",")}`;
}

/** For Deno a comma ends a path, and for us a line end ends a flag. */
function pathInFlag(path: string): string {
  if (!/[,\n]/.test(path)) return path;
  throw invalidArgument(
    `Cannot use the directory ${JSON.stringify(path)}: choose one without a comma or line end`,
  );
}
