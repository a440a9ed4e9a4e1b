import { JobWorkerError } from "../errors.ts";

/** Where the programs that starting jobs relies on are looked up. */
export const TOOL_DIRECTORIES: readonly string[] = [
  "/usr/bin",
  "/bin",
  "/usr/sbin",
  "/sbin",
  "/usr/local/bin",
];

/** How a script begins that runs tools: our own PATH may hold anything or nothing. */
export const FIND_TOOLS = `PATH=${TOOL_DIRECTORIES.join(":")}\n`;

/** The programs that starting a job relies on, and the Debian packages that have them. */
const PACKAGES = {
  setsid: "util-linux",
  prlimit: "util-linux",
  setpriv: "util-linux",
  chown: "coreutils",
  env: "coreutils",
  nice: "coreutils",
  sh: "dash",
} as const;

/** The name of one of them. */
export type Tool = keyof typeof PACKAGES;

/** Their absolute paths. */
export type Tools = Readonly<Record<Tool, string>>;

/**
 * The absolute path of a program that starting jobs relies on. Looked up in the system's own
 * directories, never in a job's `PATH`.
 *
 * @throws `failed_precondition`, with the name of the package to install
 */
export async function findTool(name: Tool): Promise<string> {
  for (const directory of TOOL_DIRECTORIES) {
    const path = `${directory}/${name}`;
    const info = await Deno.stat(path).catch(() => null);
    if (info?.isFile) return path;
  }
  throw new JobWorkerError(
    "failed_precondition",
    `Cannot find the program "${name}" in ${TOOL_DIRECTORIES.join(", ")}: install the package ` +
      `"${PACKAGES[name]}"`,
  );
}

/** All of them; throws as {@linkcode findTool} does. */
export async function findTools(): Promise<Tools> {
  const names = Object.keys(PACKAGES) as Tool[];
  const found = await Promise.all(names.map(async (name) => [name, await findTool(name)] as const));
  return Object.fromEntries(found) as Record<Tool, string>;
}
