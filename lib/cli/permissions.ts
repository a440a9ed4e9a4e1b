import { dirname, resolve } from "node:path";
import { parse } from "./grammar.ts";
import type { CertsVerb } from "./invocation.ts";
import type { Io } from "./io.ts";

/**
 * The flags of `deno run` that a line needs in addition to those of the task `cli`, which may not write
 * any files. The portable executable asks for them when a line may need to.
 */
export function permissionsFor(args: readonly string[], io: Io): readonly string[] {
  const parsed = parse(args, io.environment, io.directory);
  // Running the line will say what is wrong with it.
  if (parsed.kind !== "invocation") return [];
  const { verb } = parsed.invocation;
  const paths = verb.kind === "certs"
    ? pathsOf(verb)
    : verb.kind === "context" && verb.action !== "list" && io.directory.path !== null
    ? [io.directory.path]
    : [];
  // A flag cannot name such a path: a comma ends the path, and a line end the flag.
  if (paths.length === 0 || paths.some((path) => /[,\n]/.test(path))) return [];
  const makesAll = verb.kind === "certs" && verb.action === "make";
  return [`--allow-write=${paths.join(",")}`, ...makesAll ? ["--allow-sys=hostname"] : []];
}

/** The directories that it writes to: a new file is written beside the one that it replaces. */
function pathsOf(verb: CertsVerb): string[] {
  if (verb.action === "list") return [];
  const { action, directory } = verb;
  const denyList = action === "revoke" ? verb.denyList : "";
  return [directory, ...denyList === "" ? [] : [dirname(denyList)]].map((path) => resolve(path));
}
