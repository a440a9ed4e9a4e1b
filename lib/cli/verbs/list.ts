import type { ListVerb, Moment } from "../invocation.ts";
import { COLUMN_NAMES, parseColumns } from "../job_columns.ts";
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
  readonly output?: NonNullable<ListVerb["form"]>;
  readonly watch?: boolean;
  /** Only for `ps`. */
  readonly all?: boolean;
}

function listVerbOf(status: ListVerb["status"], options: ListOptions): ListVerb {
  const { owner = "", label: labels = {}, since, until, name, host } = options;
  const { limit, output, watch } = options;
  return {
    kind: "list",
    status,
    owner,
    labels,
    ...(since && { since }),
    ...(until && { until }),
    ...(name !== undefined && { name }),
    ...(host !== undefined && { host }),
    ...(limit !== undefined && { limit }),
    ...(output !== undefined && { form: output }),
    watch: watch ?? false,
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

/** The forms of `--output` that are not columns. */
export const FORMS = ["wide", "json"] as const;

function parseForm(text: string): NonNullable<ListVerb["form"]> {
  return FORMS.find((form) => form === text.toLowerCase()) ?? parseColumns(text);
}

/** Defines `list`, and `ps`, which docker and others have for the jobs that run. */
export function defineList(program: Command, found: Found): void {
  const list = subcommand(program, "list", "list jobs, newest first")
    .addArgument(
      new Argument("[status]", "only jobs with this status").choices(Object.keys(STATUSES)).default(
        "all",
      ),
    );
  addListOptions(list)
    .action((status: ListVerb["status"], options: ListOptions) =>
      found(listVerbOf(status, options))
    );
  const ps = subcommand(program, "ps", "list the jobs that run: list running")
    .option("-a, --all", "list all jobs");
  addListOptions(ps)
    .action((options: ListOptions) => found(listVerbOf(options.all ? "all" : "running", options)));
}

function addListOptions(command: Command): Command {
  return command
    .addOption(option("--owner <user>", "only jobs of this user", parseText))
    .addOption(
      option("-l, --label <NAME=VALUE>", "only jobs with this label (repeatable)", parseLabel),
    )
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
    .addOption(
      option(
        "-n, --limit <n>",
        "show at most n jobs, or all [50 on a terminal, otherwise all]",
        (text) => text === "all" ? Infinity : parseCount(text, 1),
      ),
    )
    .addOption(
      option(
        "-o, --output <columns>",
        "which columns to show, e.g. id,exit; or wide, or json",
        parseForm,
      )
        .conflicts("json"),
    )
    .option("-w, --watch", "go on and show what changes, until Ctrl-C")
    .addHelpText("after", LIST_NOTES);
}

const LIST_NOTES = `
Columns: ${COLUMN_NAMES.slice(0, -2).join(" ")}
         ${COLUMN_NAMES.slice(-2).join(" ")}
On a terminal ids are shortened to their ends, by which jobs can be named.
When not printing to a terminal: one line per job, without a heading, separated
by tabs: jobId, status, exit, startDate, finishDate, owner, command, host; or
the columns of --output.
With --watch, a line for each change follows.`;
