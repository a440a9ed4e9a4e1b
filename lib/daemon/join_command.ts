import { join, resolve } from "node:path";
import { CONFIG_NAME, readConfigFile } from "../config/config_file.ts";
import {
  failedPrecondition,
  invalidArgument,
  JobWorkerError,
  messageOf,
  pathFaultOf,
} from "../errors.ts";
import { replaceFile } from "../files/replace_file.ts";
import { FLEET_DIRECTORY } from "../fleet/fleet_files.ts";
import {
  checkJoinFile,
  joinDatesFault,
  type JoinFile,
  joinFileText,
  readJoinFile,
} from "../fleet/join_file.ts";
import { asksForHelp, parseLine } from "../text/parse_line.ts";
import { printable } from "../text/printable.ts";
import { quoted } from "../text/quoted.ts";
import { init } from "./init.ts";
import { installationDirectory } from "./installation.ts";
import { isThere, makeDirectory } from "./new_files.ts";

const USAGE = `Usage: worker-daemon join FILE [--dir=<dir>] [--force]

Has the daemon of this host join a fleet, by the file that \`worker-daemon host add\` has made at the hub.
Where there is no daemon yet, it also makes what one needs, as \`worker-daemon init\` does. Its own API
stays as it is.

Options:
  --dir=<dir>  the directory of the daemon [., or else /etc/job-worker]
  --force      leave the fleet that it is in, or take another name in it
`;

/** What the command line of {@linkcode joinFleet} says. */
export interface JoinLine {
  readonly file: string;
  /** That of the daemon, absolute. */
  readonly directory: string;
  readonly force: boolean;
}

/**
 * Reads what follows the word `join`.
 *
 * @returns `null` if it asks for help
 * @throws {JobWorkerError} `invalid_argument`
 */
export async function parseJoin(args: readonly string[]): Promise<JoinLine | null> {
  if (asksForHelp(args)) return null;
  const { values, positionals: [file, ...rest] } = parseLine({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean" },
      dir: { type: "string" },
      force: { type: "boolean", default: false },
    },
  }, `\n${USAGE}`);
  if (file === undefined) throw invalidArgument(`The file is missing\n${USAGE}`);
  if (rest.length > 0) throw invalidArgument(`Unexpected argument ${quoted(rest[0])}\n${USAGE}`);
  return {
    file: resolve(file),
    directory: await installationDirectory(values.dir),
    force: values.force,
  };
}

/**
 * Has the daemon of this host join a fleet.
 *
 * @param args what follows the word `join`
 * @returns what was made and what to do next, to be printed
 * @throws {JobWorkerError} `failed_precondition` if the file does not let this host join, or nothing can be
 * written; `already_exists` if the daemon is in another fleet, or is another host of it
 */
export async function joinFleet(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<string> {
  const line = await parseJoin(args);
  if (line === null) return USAGE;
  const { file, directory, force } = line;
  const joining = await readJoinFile(file);
  checkJoinFile(file, joining);
  const outdated = joinDatesFault(joining, Date.now());
  if (outdated !== null) throw failedPrecondition(`Cannot use "${file}": ${outdated}`);
  const place = join(directory, FLEET_DIRECTORY, HOST_FILE);
  if (!force) await checkStays(place, joining);
  const config = join(directory, CONFIG_NAME);
  const made = await isThere(config) ? "" : await init([`--dir=${directory}`], environment);
  const text = await withFleet(config);
  await makeDirectory(join(directory, FLEET_DIRECTORY), 0o755);
  await replace(place, joinFileText(joining), { mode: 0o600 });
  await replace(config, text, { mode: 0o644, keepMode: true });
  const { host, fleet } = joining;
  return [
    ...made === "" ? [] : [made],
    `${printable(place)}  by which this host is ${host} in the fleet ${fleet}`,
    "",
    // What `init` has said to do next starts the daemon.
    ...made === ""
      ? ["Next: start the daemon, or restart it: systemctl restart worker-daemon"]
      : [],
    `${made === "" ? "     " : "Also:"} rm ${printable(file)}    which holds its keys, too`,
    "",
  ].join("\n");
}

/** In `fleet/`, as the configuration names it. */
const HOST_FILE = "host.json";

/** Who belongs to a fleet does not come under another by a slip. */
async function checkStays(place: string, { fleet, host }: JoinFile): Promise<void> {
  if (!await isThere(place)) return;
  const old = await readJoinFile(place).catch((error) => {
    throw failedPrecondition(`${messageOf(error)}; --force replaces it`, error);
  });
  if (old.fleet === fleet && old.host === host) return;
  throw new JobWorkerError(
    "already_exists",
    `Cannot join the fleet "${fleet}" as "${host}": this is "${old.host}" of the fleet ` +
      `"${old.fleet}"; use --force to leave that`,
  );
}

/** The configuration with the fleet in it. */
async function withFleet(path: string): Promise<string> {
  const options = await readConfigFile(path);
  if (options === null) throw failedPrecondition(`There is no configuration "${path}"`);
  if (options.texts.get("hub") === "true") {
    throw failedPrecondition(
      `Cannot join with "${path}": it is the configuration of a hub, which runs no jobs`,
    );
  }
  const config = JSON.parse(await Deno.readTextFile(path));
  return `${JSON.stringify({ ...config, fleet: `${FLEET_DIRECTORY}/${HOST_FILE}` }, null, 2)}\n`;
}

async function replace(
  path: string,
  text: string,
  options: { mode: number; keepMode?: boolean },
): Promise<void> {
  try {
    await replaceFile(path, text, options);
  } catch (error) {
    throw failedPrecondition(`Cannot write "${path}": ${pathFaultOf(error)}`, error);
  }
}
