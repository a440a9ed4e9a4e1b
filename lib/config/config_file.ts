/**
 * The configuration file: a JSON object with the daemon's options, by the names of their flags.
 *
 * ```json
 * { "address": "0.0.0.0:8080", "data-dir": "/var/lib/job-worker", "log-limit": "64MiB", "gateways": 2 }
 * ```
 *
 * Paths in it are relative to its directory.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { closest } from "../text/closest.ts";
import { invalidArgument, type JobWorkerError, pathFaultOf } from "../errors.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import { parseCommandLine } from "./command_line.ts";
import { OPTION_ROWS } from "./options.ts";
import { type DaemonInvocation, type OptionFile, parseOptions } from "./parse_options.ts";

/** The name of the file, in the working directory or in {@linkcode SYSTEM_DIRECTORY}. */
export const CONFIG_NAME = "job-worker.json";

/** Where the daemon of the system is configured. */
export const SYSTEM_DIRECTORY = "/etc/job-worker";

const NAMES = OPTION_ROWS.map(({ name }) => name);

/**
 * What the command line, the environment and the configuration file say. The file is the one that the others
 * name, or else the first of the standard ones that exists.
 *
 * @throws {JobWorkerError} `invalid_argument`, naming what is wrong and where
 */
export async function loadOptions(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<DaemonInvocation> {
  const line = parseCommandLine(args, environment);
  const file = "flags" in line ? await findConfigFile(line.config) : null;
  return parseOptions(args, environment, file);
}

async function findConfigFile(named: string | null): Promise<OptionFile | null> {
  const paths = named === null ? [CONFIG_NAME, `${SYSTEM_DIRECTORY}/${CONFIG_NAME}`] : [named];
  for (const path of paths) {
    const file = await readConfigFile(path);
    if (file !== null) return file;
  }
  if (named === null) return null;
  throw unusable(named, "there is no such file");
}

/**
 * Reads a configuration file.
 *
 * @returns `null` if there is none
 * @throws {JobWorkerError} `invalid_argument` if it cannot be read, others than us and root may change
 * it, it is not JSON, or an option in it is unknown
 */
export async function readConfigFile(path: string): Promise<OptionFile | null> {
  let json: unknown;
  try {
    json = JSON.parse(await readTrustedFile(path, { uid: Deno.uid() }));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw unusable(path, pathFaultOf(error));
  }
  const faults = faultsOf(json);
  if (faults.length > 0) throw unusable(path, faults.join("; "));
  const texts = new Map<string, string>();
  for (const { name, placeholder } of OPTION_ROWS) {
    const value = Object(json)[name];
    if (value === undefined) continue;
    const text = Array.isArray(value) ? value.join(",") : String(value);
    const isPath = placeholder === "file" || placeholder === "dir";
    texts.set(name, isPath && !text.startsWith(":") ? resolve(dirname(path), text) : text);
  }
  return { path, texts };
}

/**
 * What is wrong with what is in the file. A schema would say the same, but to load the library takes as long as all
 * that the executable needs to find its permissions.
 */
function faultsOf(json: unknown): string[] {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return ['it must be an object: { "option": value, … }'];
  }
  const unknown = Object.keys(json).filter((name) => !NAMES.includes(name)).map(unknownText);
  const wrong = Object.entries(json).filter(([name, value]) =>
    NAMES.includes(name) && !isValue(value)
  ).map(([name]) => `"${name}" must be a text, a number, true or false, or a list of texts`);
  return [...wrong, ...unknown];
}

function isValue(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value) ||
    Array.isArray(value) && value.every((item) => typeof item === "string");
}

function unknownText(name: string): string {
  const meant = closest(name, NAMES);
  const advice = meant === null ? "see worker-daemon --help" : `did you mean "${meant}"?`;
  return `there is no option ${JSON.stringify(name)}: ${advice}`;
}

function unusable(path: string, why: string): JobWorkerError {
  return invalidArgument(`Cannot use the configuration file "${path}": ${why}`);
}
