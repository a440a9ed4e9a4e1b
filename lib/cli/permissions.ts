import { resolve } from "node:path";
import { parse } from "./grammar.ts";
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
  const path = verb.kind === "certs"
    ? resolve(verb.directory)
    : verb.kind === "context" && verb.action !== "list"
    ? io.directory.path
    : null;
  // No flag can name such a path: a comma ends it, and a line end the flag.
  if (path === null || /[,\n]/.test(path)) return [];
  return [`--allow-write=${path}`, ...verb.kind === "certs" ? ["--allow-sys=hostname"] : []];
}
