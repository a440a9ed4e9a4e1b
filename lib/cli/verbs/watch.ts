import { type Command, type Found, subcommand, WHICH_JOB } from "../parser.ts";

/** Defines `status`. */
export function defineStatus(program: Command, found: Found): void {
  subcommand(program, "status", "show a job")
    .argument("<jobId>", WHICH_JOB)
    .action((jobId: string) => found({ kind: "status", jobId }));
}

/** Defines `output`. */
export function defineOutput(program: Command, found: Found): void {
  subcommand(program, "output", "print all output of a job until it ends, and exit with its status")
    .argument("<jobId>", WHICH_JOB)
    .addHelpText("after", LEAVING + LEAVING_IS_SAID)
    .action((jobId: string) => found({ kind: "output", jobId }));
}

/** Defines `wait`. */
export function defineWait(program: Command, found: Found): void {
  subcommand(program, "wait", "wait until a job ends, and exit with its status")
    .argument("<jobId>", WHICH_JOB)
    .addHelpText("after", LEAVING + LEAVING_IS_SAID)
    .action((jobId: string) => found({ kind: "wait", jobId }));
}

/** The part of the help of commands that only watch a job. */
export const LEAVING = `
Ctrl-C (exit status 130), SIGTERM (143) and a hang-up (129) end only this
command: the job keeps running.`;

const LEAVING_IS_SAID = `
Standard error says so, because the exit status is then not the job's.`;
