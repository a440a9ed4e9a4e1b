import type { LogsVerb, Moment } from "../invocation.ts";
import type { LogStream } from "../job_client.ts";
import { parseMoment } from "../moment.ts";
import { Argument, type Command, type Found, option, subcommand } from "../parser.ts";
import { parseCount } from "../values.ts";
import { LEAVING } from "./watch.ts";

interface LogsOptions {
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: number;
  readonly since?: Moment;
}

function logsVerbOf(
  streams: "all" | LogStream,
  jobId: string,
  { follow = false, timestamps = false, tail, since }: LogsOptions,
): LogsVerb {
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
  subcommand(program, "logs", "print the output of a job so far")
    .addArgument(new Argument("<streams>", "what to print").choices(["all", "stdout", "stderr"]))
    .argument("<jobId>")
    .option("-f, --follow", "keep printing until the job ends")
    .option("-t, --timestamps", "prefix each line with its time")
    .addOption(option("--tail <n>", "print only the last n lines", (text) => parseCount(text, 0)))
    .addOption(
      option(
        "--since <when>",
        "print only output since then, e.g. 10m or 2026-07-31T09:30:00Z",
        parseMoment,
      )
        .conflicts("tail"),
    )
    .addHelpText("after", LEAVING)
    .action((streams: "all" | LogStream, jobId: string, options: LogsOptions) =>
      found(logsVerbOf(streams, jobId, options))
    );
}
