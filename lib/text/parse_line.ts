import { parseArgs, type ParseArgsConfig } from "node:util";
import { invalidArgument } from "../errors.ts";
import { closest } from "./closest.ts";
import { usageFault } from "./usage_fault.ts";

/**
 * Reads a command line by `parseArgs()` of node:util, whose errors are said in our words.
 *
 * @param advice follows what is wrong, unless an option was misspelt: then the right one does
 * @throws {JobWorkerError} `invalid_argument`
 */
export function parseLine<T extends ParseArgsConfig>(
  config: T,
  advice: string,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const fault = usageFault(error);
    const [, wrong = ""] = /^Unknown option "--(.+)"$/.exec(fault) ?? [];
    const meant = wrong === "" ? null : closest(wrong, Object.keys(config.options ?? {}));
    const hint = meant === null ? advice : `: did you mean --${meant}?`;
    throw invalidArgument(`${fault}${hint}`);
  }
}

/** Whether a line asks for help, whatever else is in it. */
export function asksForHelp(args: readonly string[]): boolean {
  return args.includes("--help") || args.includes("-h");
}
