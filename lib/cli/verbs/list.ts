import type { ListVerb, Moment } from "../invocation.ts";
import { parseMoment } from "../moment.ts";
import { Argument, type Command, type Found, option, subcommand } from "../parser.ts";
import { parseCount, parseHostName, parseLabel, parseText } from "../values.ts";

interface ListOptions {
  readonly owner?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly since?: Moment;
  readonly until?: Moment;
  readonly name?: string;
  readonly host?: string;
  readonly limit?: number;
}

function listVerbOf(status: ListVerb["status"], options: ListOptions): ListVerb {
  const { owner = "", label: labels = {}, since, until, name, host, limit = Infinity } = options;
  return {
    kind: "list",
    status,
    owner,
    labels,
    ...(since && { since }),
    ...(until && { until }),
    ...(name !== undefined && { name }),
    ...(host !== undefined && { host }),
    limit,
  };
}

/** In the order of the help. A status that is missing here does not compile. */
const STATUSES = {
  all: 0,
  queued: 0,
  running: 0,
  failed: 0,
  cancelled: 0,
  done: 0,
} satisfies Readonly<
  Record<ListVerb["status"], 0>
>;

/** Defines `list`. */
export function defineList(program: Command, found: Found): void {
  subcommand(program, "list", "list jobs, newest first")
    .addArgument(
      new Argument("[status]", "only jobs with this status").choices(Object.keys(STATUSES)).default(
        "all",
      ),
    )
    .addOption(option("--owner <user>", "only jobs of this user", parseText))
    .addOption(option("--label <NAME=VALUE>", "only jobs with this label (repeatable)", parseLabel))
    .addOption(
      option(
        "--since <when>",
        "only jobs started since then, e.g. 10m or 2026-07-31T09:30:00Z",
        parseMoment,
      ),
    )
    .addOption(option("--until <when>", "only jobs started before then", parseMoment))
    .addOption(option("--name <name>", "only jobs of this name", parseText))
    .addOption(option("--host <name>", "only jobs on this host of a fleet", parseHostName))
    .addOption(option("--limit <n>", "show at most n jobs", (text) => parseCount(text, 1)))
    .addHelpText(
      "after",
      "\nWhen not printing to a terminal: one line per job, without a heading, separated by tabs:\n" +
        "jobId, status, exit, startDate, finishDate, owner, command; from the hub of a fleet also the host.",
    )
    .action((status: ListVerb["status"], options: ListOptions) =>
      found(listVerbOf(status, options))
    );
}
