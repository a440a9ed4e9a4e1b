/**
 * The parser package, as the verbs use it. No other module imports the package.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { messageOf } from "../errors.ts";
import type { Verb } from "./invocation.ts";

export { Argument, Command, CommanderError } from "commander";

/** Receives the meaning of the line. */
export type Found = (verb: Verb) => void;

/** What a job may be named by is in the help of the program. */
export const WHICH_JOB = "the job; how to name it: worker-cli --help";

/** The heading of the options that every subcommand has, below its own. */
export const SHARED_OPTIONS = "Options of every subcommand:";

/** What others call a subcommand of ours. */
type Alias = "ps" | "kill" | "version";

/** Adds a subcommand to the program. */
export function subcommand(program: Command, name: Verb["kind"] | Alias, about: string): Command {
  return program.command(name).description(about)
    .addHelpOption(new Option("-h, --help", "print this help").helpGroup(SHARED_OPTIONS));
}

/** An option whose value `read` parses; it throws for a value that it does not accept. */
export function option<T>(
  flags: string,
  about: string,
  read?: (text: string, previous: T | undefined) => T,
): Option {
  const made = new Option(flags, about);
  if (read === undefined) return made;
  return made.argParser((text: string, previous: T | undefined) => {
    try {
      return read(text, previous);
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  });
}
