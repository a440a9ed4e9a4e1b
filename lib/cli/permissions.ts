import { dirname, resolve } from "node:path";
import { parse } from "./grammar.ts";
import type { CertsVerb } from "./invocation.ts";
import type { Io } from "./io.ts";

/**
 * The flags of `deno run` that a line needs beyond those of the task `cli`, which may write no file.
 * The portable executable asks for them where a line may be one of those that do.
 */
export function permissionsFor(args: readonly string[], io: Io): readonly string[] {
  const parsed = parse(args, io.environment, io.directory);
  // The line itself will tell what is wrong with it.
  if (parsed.kind !== "invocation") return [];
  const { verb } = parsed.invocation;
  const paths = verb.kind === "certs"
    ? pathsOf(verb)
    : verb.kind === "context" && verb.action !== "list" && io.directory.path !== null
    ? [io.directory.path]
    : [];
  // No flag can name such a path: a comma ends it, and a line end the flag.
  if (paths.length === 0 || paths.some((path) => /[,\n]/.test(path))) return [];
  const makesAll = verb.kind === "certs" && verb.action === "make";
  return [`--allow-write=${paths.join(",")}`, ...makesAll ? ["--allow-sys=hostname"] : []];
}

/** The directories where it writes: beside a file, to take its place. */
function pathsOf(verb: CertsVerb): string[] {
  if (verb.action === "list") return [];
  const { action, directory } = verb;
  const denyList = action === "revoke" ? verb.denyList : "";
  return [directory, ...denyList === "" ? [] : [dirname(denyList)]].map((path) => resolve(path));
}
