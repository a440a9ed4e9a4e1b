import { type Command, type Found, option, subcommand, WHICH_JOB } from "../parser.ts";
import { parseTimeoutOrNone } from "../values.ts";

/** Defines `signal`. */
export function defineSignal(program: Command, found: Found): void {
  subcommand(program, "signal", "send a signal to every process of a job")
    .argument("<jobId>", WHICH_JOB)
    .argument("<signal>", "a name or number as in signal(7), e.g. HUP")
    .action((jobId: string, signal: string) => found({ kind: "signal", jobId, signal }));
}

/** Defines `update`. */
export function defineUpdate(program: Command, found: Found): void {
  subcommand(program, "update", "change the time limit of a running or queued job")
    .argument("<jobId>", WHICH_JOB)
    .addOption(
      option(
        "--timeout <duration>",
        "new limit, counted from the job's start, e.g. 2h; or none",
        parseTimeoutOrNone,
      )
        .makeOptionMandatory(),
    )
    .action((jobId: string, { timeout }: { timeout: number }) =>
      found({ kind: "update", jobId, timeoutMs: timeout })
    );
}
