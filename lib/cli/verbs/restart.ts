import { type Command, type Found, subcommand, WHICH_JOB } from "../parser.ts";

/** Defines `restart`. */
export function defineRestart(program: Command, found: Found): void {
  subcommand(program, "restart", "start the same command again, and print the id of the new job")
    .argument("<jobId>", WHICH_JOB)
    .option("--stop", "if it has not ended, stop it first")
    .addHelpText("after", RESTART_NOTES)
    .action((jobId: string, { stop = false }: { stop?: boolean }) =>
      found({ kind: "restart", jobId, stop })
    );
}

/** The part of the help about what is the same. */
const RESTART_NOTES = `
The new job has the command, variables, directory, name, labels, user and limits
of the first one, and in a fleet it is for the same hosts; it is yours. It is
refused if not all of that is known.`;
