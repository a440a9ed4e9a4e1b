import { type Shell, SHELLS } from "../completion_scripts.ts";
import { Argument, type Command, type Found, subcommand } from "../parser.ts";

/** Defines `completions`, and what the scripts that it prints call. */
export function defineCompletions(program: Command, found: Found): void {
  subcommand(program, "completions", "print a completion script for a shell")
    .addArgument(new Argument("<shell>", "what it is for").choices([...SHELLS]))
    .action((shell: Shell) => found({ kind: "completions", shell }));

  program.command("__complete", { hidden: true })
    .argument("[words...]")
    .passThroughOptions()
    .action((words: string[]) => found({ kind: "__complete", words }));
}
