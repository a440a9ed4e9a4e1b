import { type Command, type Found, subcommand } from "../parser.ts";

/** Defines `health`. */
export function defineHealth(program: Command, found: Found): void {
  subcommand(program, "health", "check whether the daemon is serving")
    .action(() => found({ kind: "health" }));
}
