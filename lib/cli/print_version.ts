import { VERSION_TEXT } from "../version.ts";

/**
 * Prints the version if that is all that is asked for, before anything else is loaded: the grammar knows
 * it as well, but loading it takes longer than to start the runtime.
 *
 * @returns whether it has; if it cannot, whatever is loaded next has more patience, and says why
 */
export function printVersion(args: readonly string[]): boolean {
  if (args.length !== 1 || !["--version", "-V", "version"].includes(args[0] ?? "")) return false;
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(`${VERSION_TEXT}\n`));
    return true;
  } catch {
    return false;
  }
}
