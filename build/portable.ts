/**
 * The portable form of the executables: a shell script with a JavaScript runtime and the program
 * behind it, for where `deno compile` cannot get its runtime.
 *
 * @module
 */

import { join } from "node:path";
import { type Program, PROGRAMS } from "./bundle.ts";

/** A payload that both executables carry, so that it is unpacked once for both. */
export interface Payload {
  readonly path: string;
  /** SHA-256, in hexadecimal. */
  readonly sum: string;
}

/**
 * Packs a deno binary and the directory of a bundle into a tar.gz. The same input gives the same bytes.
 *
 * @param path where to write it
 */
export async function packPayload(
  path: string,
  { deno, bundle }: { deno: string; bundle: string },
): Promise<Payload> {
  const scratch = await Deno.makeTempDir({ prefix: "job-worker-payload-" });
  try {
    await Deno.symlink(await Deno.realPath(deno), join(scratch, "deno"));
    const owner = ["--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    const files = ["-C", scratch, "deno", "-C", await Deno.realPath(bundle), "."];
    const tar = ["--sort=name", "--dereference", "--mode=u=rwX,go=rX", ...owner, "-cf", "-"];
    await shell('out=$1; shift; tar "$@" | gzip -n6 >"$out"', path, ...tar, ...files);
    const sum = (await shell('sha256sum <"$1"', path)).slice(0, 64);
    return { path, sum };
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** What a {@linkcode writePortable} needs to know. */
export interface PortableOptions {
  readonly program: Program;
  /** What `--version` prints. */
  readonly version: string;
  /** Such as `x86_64-unknown-linux-gnu`. */
  readonly target: string;
  /** Flags of `deno run` for every case. */
  readonly flags: readonly string[];
  readonly payload: Payload;
}

/**
 * For which arguments the program is asked what permissions it needs beyond its flags, as a pattern of
 * the shell's `case`: those of the daemon depend on its options, the CLI writes files with two
 * subcommands only.
 */
const ASK: Readonly<Record<Program, string>> = {
  "worker-daemon": "*",
  "worker-cli": '*" certs "* | *" context "*',
};

/** The exit status of a program that cannot even start. */
const FAILURE: Readonly<Record<Program, string>> = { "worker-daemon": "1", "worker-cli": "125" };

/** Writes an executable: the head, filled in, and the payload. */
export async function writePortable(path: string, options: PortableOptions): Promise<void> {
  const { program, version, target, flags, payload } = options;
  const template = await Deno.readTextFile(new URL("head.sh", import.meta.url));
  const values: Record<string, string> = {
    NAME: program,
    VERSION: version,
    TARGET: target,
    SHA256: payload.sum,
    LINE: String(template.split("\n").length + flags.length - 1),
    FAILURE: FAILURE[program],
    FLAGS: flags.join("\n"),
    ASK: ASK[program],
    ENTRY: PROGRAMS[program].started,
  };
  const head = template.replace(/@([A-Z0-9]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`head.sh asks for an unknown value: ${name}`);
    return value;
  });
  await Deno.writeTextFile(path, head, { mode: 0o755 });
  await shell('cat <"$2" >>"$1"; chmod 755 "$1"', path, payload.path);
}

async function shell(script: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-euo", "pipefail", "-c", script, "bash", ...args],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  return new TextDecoder().decode(stdout);
}
