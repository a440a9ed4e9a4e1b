import { invalidArgument } from "../../errors.ts";
import type { StopAllVerb, StopVerb } from "../invocation.ts";
import { type Command, type Found, option, subcommand, WHICH_JOB } from "../parser.ts";
import { parseGracePeriod, parseLabel, parseText } from "../values.ts";

interface StopOptions {
  readonly signal?: string;
  readonly grace?: number;
  readonly all?: boolean;
  readonly owner?: string;
  readonly label?: Readonly<Record<string, string>>;
}

function stopVerbOf(
  jobId: string | undefined,
  options: StopOptions,
): StopVerb | StopAllVerb {
  const { signal: stopSignal = "", grace: gracePeriodMs = null, all = false } = options;
  if (all !== (jobId === undefined)) {
    throw invalidArgument("Stop needs either a job id or --all");
  }
  if (jobId === undefined) {
    const { owner = "", label: labels = {} } = options;
    return { kind: "stop_all", owner, labels, stopSignal, gracePeriodMs };
  }
  if ((options.owner ?? options.label) !== undefined) {
    throw invalidArgument("--owner and --label can only be used with --all");
  }
  return { kind: "stop", jobId, stopSignal, gracePeriodMs };
}

/** Defines `stop`, of one job or of all. */
export function defineStop(program: Command, found: Found): void {
  subcommand(program, "stop", "stop a job and everything it started, or take it out of the queue")
    .usage("[options] (<jobId> | --all)")
    .argument("[jobId]", WHICH_JOB)
    .addOption(option("--signal <name>", "signal to send first [SIGTERM]", parseText))
    .addOption(
      option("--grace <duration>", "time before SIGKILL [the job's own]", parseGracePeriod),
    )
    .option("--all", "stop every running or queued job that you have access to")
    .addOption(option("--owner <user>", "with --all: only jobs of this user", parseText))
    .addOption(
      option(
        "-l, --label <NAME=VALUE>",
        "with --all: only jobs with this label (repeatable)",
        parseLabel,
      ),
    )
    .addHelpText("after", "\nWith --all, the exit status is 1 if any job could not be stopped.")
    .action((jobId: string | undefined, options: StopOptions) => found(stopVerbOf(jobId, options)));
}
