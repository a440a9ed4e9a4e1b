import { asksForHelp, parseLine } from "../text/parse_line.ts";
import { OPTION_ROWS, variableOf } from "./options.ts";

/** Flags that are not options: they cannot be in the configuration file. */
export const CONFIG_FLAG = "config";
export const CHECK_FLAG = "check-config";

/** The flags that need no value. */
const SWITCHES: ReadonlySet<string> = new Set(
  OPTION_ROWS.filter(({ placeholder }) => placeholder === null).map(({ name }) => `--${name}`),
);

const KNOWN = Object.fromEntries([
  ...OPTION_ROWS.map(({ name }) => [name, { type: "string" }] as const),
  [CONFIG_FLAG, { type: "string" }] as const,
  ...[CHECK_FLAG, "help", "version"].map((name) => [name, { type: "boolean" }] as const),
]);

/** What a command line says. */
export type CommandLine =
  | {
    readonly kind: "run" | "check";
    /** Values by the names of their flags. */
    readonly flags: ReadonlyMap<string, string>;
    /** The configuration file, if the line or the environment names one. */
    readonly config: string | null;
  }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/**
 * Reads the command line of the daemon, without checking the values in it.
 *
 * @throws {JobWorkerError} `invalid_argument`
 */
export function parseCommandLine(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): CommandLine {
  if (asksForHelp(args)) return { kind: "help" };
  if (args.includes("--version")) return { kind: "version" };
  // A switch may have a value, which parseArgs() allows for strings only.
  const words = args.map((arg) => SWITCHES.has(arg) ? `${arg}=true` : arg);
  const { values } = parseLine({ args: words, options: KNOWN }, ": see --help");
  const flags = new Map(Object.entries(values).map(([name, value]) => [name, String(value)]));
  return {
    kind: flags.has(CHECK_FLAG) ? "check" : "run",
    flags,
    config: flags.get(CONFIG_FLAG) ?? (environment(variableOf(CONFIG_FLAG)) || null),
  };
}
