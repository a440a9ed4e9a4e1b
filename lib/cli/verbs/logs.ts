import { invalidArgument } from "../../errors.ts";
import { LOG_STREAMS } from "../../job/types.ts";
import { quoted } from "../../text/quoted.ts";
import type { LogsVerb, Moment } from "../invocation.ts";
import { parseMoment } from "../moment.ts";
import { Argument, type Command, type Found, option, subcommand, WHICH_JOB } from "../parser.ts";
import { parseCount } from "../values.ts";
import { LEAVING } from "./watch.ts";

interface LogsOptions {
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: number;
  readonly since?: Moment;
}

/** What `logs` may print. */
const STREAMS = ["all", ...LOG_STREAMS] as const;

/** The words of `logs [all|stdout|stderr] JOB`, of which one alone is the job. */
function logsWords(
  first: string | undefined,
  second: string | undefined,
): [typeof STREAMS[number], string] {
  const streams = STREAMS.find((word) => word === first);
  if (first === undefined || streams !== undefined && second === undefined) {
    throw invalidArgument(`The job is missing: logs ${streams ?? STREAMS[0]} <jobId>`);
  }
  if (second === undefined) return ["all", first];
  if (streams !== undefined) return [streams, second];
  throw invalidArgument(
    `${quoted(first)} is not among ${STREAMS.join(", ")}: nothing else is kept of a job`,
  );
}

function logsVerbOf(
  words: [typeof STREAMS[number], string],
  { follow = false, timestamps = false, tail, since }: LogsOptions,
): LogsVerb {
  const [streams, jobId] = words;
  const start = since ?? (tail === undefined ? { kind: "first" } : { kind: "tail", lines: tail });
  return {
    kind: "logs",
    jobId,
    streams: streams === "all" ? [] : [streams],
    follow,
    start,
    timestamps,
  };
}

/** Defines `logs`. */
export function defineLogs(program: Command, found: Found): void {
  const streams = new Argument("[streams]", "what to print, all by default");
  // Not by choices(), since the job may stand in its place.
  streams.argChoices = [...STREAMS];
  subcommand(program, "logs", "print the output of a job so far")
    .usage("[options] [all|stdout|stderr] <jobId>")
    .addArgument(streams)
    .argument("[jobId]", WHICH_JOB)
    .option("-f, --follow", "keep printing until the job ends")
    .option("-t, --timestamps", "prefix each line with its time")
    .addOption(
      option("-n, --tail <n>", "print only the last n lines", (text) => parseCount(text, 0)),
    )
    .addOption(
      option(
        "--since <when>",
        "print only output since then, e.g. 10m or 2026-07-31T09:30:00Z",
        parseMoment,
      )
        .conflicts("tail"),
    )
    .addHelpText("after", LEAVING)
    .action((first: string | undefined, second: string | undefined, options: LogsOptions) =>
      found(logsVerbOf(logsWords(first, second), options))
    );
}
