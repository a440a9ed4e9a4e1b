import { invalidArgument } from "../../errors.ts";
import type { NewJob, RunAllVerb } from "../invocation.ts";
import { parseShare, type Share } from "../many/share.ts";
import { parseWaves } from "../many/waves.ts";
import { type Command, option } from "../parser.ts";
import { parseCount, parsePause } from "../values.ts";

/** The options of `run` that are about many hosts, as the parser gives them. */
export interface RunAllOptions {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly prefix?: boolean;
  readonly group?: boolean;
  readonly parallel?: number;
  readonly waves?: readonly Share[];
  readonly maxFailures?: Share;
  /** Milliseconds; `true`: ask. */
  readonly pause?: number | true;
}

/** Those that mean nothing without `--all`. */
const WITH_ALL = ["prefix", "group", "parallel", "waves", "maxFailures", "pause"] as const;

/** `run --all`; `null` for a line that is about one job. */
export function runAllVerbOf(job: NewJob, options: RunAllOptions): RunAllVerb | null {
  const { all = false, prefix = false, group = false, maxFailures } = options;
  const { parallel = Infinity, waves = [], pause = 0 } = options;
  if (!all) {
    const given = WITH_ALL.find((name) => options[name] !== undefined);
    if (given === undefined) return null;
    throw invalidArgument(`--${kebab(given)} can only be used with --all`);
  }
  if (prefix && group) throw invalidArgument("--prefix and --group cannot be used together");
  if (job.execution?.hasInput) {
    throw invalidArgument("--interactive cannot be used with --all: there is only one input");
  }
  if (job.name !== undefined) {
    throw invalidArgument(
      "--name cannot be used with --all: only one job can have it; use --label",
    );
  }
  if (job.notify !== undefined) {
    throw invalidArgument("--notify cannot be used with --all, which tells how each host ends");
  }
  if (options.quiet) {
    throw invalidArgument("--quiet cannot be used with --all, which tells how each host ends");
  }
  if (pause !== 0 && waves.length === 0) {
    throw invalidArgument("--pause is between waves: say by --waves how large they are");
  }
  return {
    kind: "run_all",
    job,
    form: group ? "group" : "prefix",
    parallel,
    waves,
    ...(maxFailures !== undefined && { maxFailures }),
    pause: pause === true ? "ask" : pause,
  };
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Adds the options of `run` that are about many hosts. */
export function addRunAllOptions(run: Command): Command {
  return run
    .option("--all", "run on all hosts that --on means, or on all of the fleet")
    .option("--prefix", "with --all: output as it comes, each line with its host [default]")
    .option("--group", "with --all: output at the end, the same output of many hosts once")
    .addOption(
      option(
        "--parallel <n>",
        "with --all: so many hosts at once [all]",
        (text) => parseCount(text, 1),
      ),
    )
    .addOption(
      option(
        "--waves <list>",
        "with --all: how many hosts have had their turn by the end of each wave, e.g. 1,10%,100%",
        parseWaves,
      ),
    )
    .addOption(
      option(
        "--max-failures <n>",
        "with --all: never have more hosts fail than so many, or so many percent of all",
        parseShare,
      ),
    )
    .addOption(
      option(
        "--pause [duration]",
        "with --waves: wait so long before the next one, or ask [ask]",
        parsePause,
      ),
    )
    .addHelpText("after", RUN_ALL_NOTES);
}

/** The part of the help of `run` about many hosts. */
export const RUN_ALL_NOTES = `
With --all, every host ends as done, failed, refused, offline, unknown or not
started; standard error has a summary, and the exit status is 0 only if all are
done, otherwise 1.
With --max-failures=N, no more hosts are at work than may still fail: with N=1,
one after the other. Hosts that failed or refused the job, and those of which
nothing is known, count; hosts that are offline do not. Without it, the wave in
which a host has failed is the last.
Ctrl-C starts nothing more, and stops the job on all hosts; a second one leaves
at once.`;
