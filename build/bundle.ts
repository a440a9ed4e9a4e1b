/**
 * The program as plain JavaScript in one directory: `server.js`, `cli.js`, and the pieces that they
 * load when they need them. Nothing of the source tree is needed to run it.
 *
 * @module
 */

import { join } from "node:path";
import { writeCliEntry, writeDaemonEntries } from "./entries.ts";
import { messagesSource } from "./messages.ts";

/** The top of the repository, with a final slash. */
export const ROOT: string = new URL("../", import.meta.url).pathname;

/**
 * What {@linkcode bundle} writes for each program: the entry of `deno compile`, and the one that `deno run` starts sooner,
 * see `entries.ts`.
 */
export const PROGRAMS = {
  "worker-daemon": { source: "server.ts", entry: "server.js", started: "engine.js", task: "start" },
  "worker-cli": { source: "cli.ts", entry: "cli.js", started: "cli.js", task: "cli" },
} as const;

export type Program = keyof typeof PROGRAMS;

/** Modules that are loaded by their address, as threads or programs: they keep their names. */
const BY_ADDRESS = [
  "lib/auth/bcrypt_worker.ts",
  "lib/daemon/executor_main.ts",
  "lib/stdio/standard_output_worker.ts",
];

/** Runs deno, and returns what it prints. */
export async function deno(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  return new TextDecoder().decode(stdout);
}

/**
 * Bundles both programs.
 *
 * @param directory where to; made if it is not there
 * @param build what `--version` tells, such as a commit
 */
export async function bundle(directory: string, build: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  const scratch = await Deno.makeTempDir({ prefix: "job-worker-bundle-" });
  try {
    const config = await writeConfig(scratch, build);
    const sources = Object.values(PROGRAMS).map(({ source }) => ROOT + source);
    await deno(
      "bundle",
      "--quiet",
      `--config=${config}`,
      `--lock=${ROOT}deno.lock`,
      "--frozen",
      "--code-splitting",
      `--outdir=${directory}`,
      ...sources,
    );
    await writeCliEntry(directory);
    await writeDaemonEntries(directory);
    for (const module of BY_ADDRESS) {
      const name = module.split("/").at(-1) ?? module;
      await deno(
        "bundle",
        "--quiet",
        `--config=${config}`,
        `--lock=${ROOT}deno.lock`,
        "--frozen",
        `--output=${join(directory, name)}`,
        ROOT + module,
      );
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/**
 * The import map of the source, with other modules in the place of two: one that tells the build, and one that has
 * the messages of the contracts ready-made. It lies elsewhere, so paths in it begin at the top of the repository.
 */
async function writeConfig(scratch: string, build: string): Promise<string> {
  const { imports, nodeModulesDir } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  for (const [name, target] of Object.entries<string>(imports)) {
    imports[name] = target.replace(/^\.\//, `file://${ROOT}`);
  }
  const stamp = `export const BUILD = ${JSON.stringify(build)};\n`;
  await Deno.writeTextFile(join(scratch, "build.ts"), stamp);
  await Deno.writeTextFile(join(scratch, "messages.js"), messagesSource());
  const config = {
    nodeModulesDir,
    imports: {
      ...imports,
      [`file://${ROOT}lib/build.ts`]: "./build.ts",
      [`file://${ROOT}lib/grpc/messages.ts`]: "./messages.js",
    },
  };
  const path = join(scratch, "deno.json");
  await Deno.writeTextFile(path, JSON.stringify(config));
  return path;
}

/** The commit of the source tree, with a `+` if files differ from it. */
export async function commit(): Promise<string> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", { args, cwd: ROOT, stderr: "null" })
      .output();
    if (!success) throw new Error("Not a git repository");
    return new TextDecoder().decode(stdout).trim();
  };
  try {
    const changed = await git("status", "--porcelain", "--", "lib", "proto", "server.ts", "cli.ts");
    return `${await git("rev-parse", "--short=12", "HEAD")}${changed === "" ? "" : "+"}`;
  } catch {
    // A tarball of the source, or no git at all.
    return "unknown";
  }
}
