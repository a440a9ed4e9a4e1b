/**
 * The grammar of the command line: the only module that knows the parser package.
 *
 * @module
 */

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../duration.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { Invocation, ListVerb, LogsStart, NewJob, Verb } from "./invocation.ts";
import type { LogStream } from "./job_client.ts";
import {
  type Environment,
  type GivenSettings,
  readSettings,
  type Setting,
  SETTINGS,
} from "./settings.ts";
import { parseCount, parsePair, parseRepeated, parseSince } from "./values.ts";
import { VERSION } from "../version.ts";

/** What {@linkcode parse} makes of a command line. */
export type Parsed =
  | { readonly kind: "invocation"; readonly invocation: Invocation }
  /** Help or the version, asked for: to be printed, and all is well. */
  | { readonly kind: "text"; readonly text: string }
  /** A line that is not understood, and what to do about it. */
  | { readonly kind: "usage_error"; readonly message: string };

/**
 * Reads a command line. Pure: neither the process nor its environment is looked at.
 *
 * @param args What follows the program's name.
 * @param environment The variables that stand in for options, see {@linkcode SETTINGS}.
 */
export function parse(args: readonly string[], environment: Environment): Parsed {
  let printed = "";
  let verb: Verb | undefined;
  const program = programOf((text) => printed += text, (parsed) => verb = parsed);
  let innermost = program;
  program.hook("preSubcommand", (_program, subcommand) => {
    innermost = subcommand;
  });
  try {
    program.parse(args, { from: "user" });
    if (verb === undefined) throw new Error("Neither a subcommand nor an error came of the line");
    const before = program.opts<GivenSettings>();
    const after = innermost.opts<GivenSettings>();
    const color = before.color !== false && after.color !== false;
    const settings = readSettings({ ...before, ...after, color }, environment);
    return { kind: "invocation", invocation: { settings, verb } };
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      return { kind: "text", text: printed };
    }
    if (error instanceof CommanderError && error.code === "commander.help") {
      return { kind: "usage_error", message: `The subcommand is missing\n\n${printed.trimEnd()}` };
    }
    if (error instanceof CommanderError || error instanceof JobWorkerError) {
      const text = error.message.replace(/^error: /, "");
      const help = innermost === program ? "worker-cli" : `worker-cli ${innermost.name()}`;
      const message = `${text.charAt(0).toUpperCase()}${text.slice(1)}\nSee: ${help} --help`;
      return { kind: "usage_error", message };
    }
    throw error;
  }
}

const FORMS = `[options] start -- <command>...
       worker-cli [options] (stop|status|output) <jobId>
       worker-cli [options] logs (all|stdout|stderr) <jobId> [--follow]
       worker-cli [options] list (all|running|failed|cancelled|done)
       worker-cli -h | --help | --version`;

const NOTES = `
A job id may be cut short, as long as only one job's id begins with it.
Each option above has a variable, such as WORKER_ADDRESS or WORKER_NO_COLOR; the command line wins.
Exit status: that of the job for run, output and wait (128+n if signal n ended it);
             2 for a line that is not understood, 125 if worker-cli itself fails.`;

function programOf(print: (text: string) => void, found: (verb: Verb) => void): Command {
  const program = new Command("worker-cli")
    .description("Runs commands on a server as jobs, and shows what became of them.")
    .usage(FORMS)
    .version(VERSION, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", NOTES)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: print,
      writeErr: print,
      // The message comes with the error.
      outputError: () => {},
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });

  const newJob = (kind: "start" | "run", about: string) =>
    subcommand(program, kind, about)
      .usage("[options] -- <command>...")
      .argument("<command...>", "the program and its arguments, passed on untouched")
      .passThroughOptions()
      .addOption(option("--env <NAME=VALUE>", "set a variable; repeatable", parsePair))
      .addOption(option("--cwd <dir>", "where to run, an absolute path on the server"))
      .addOption(option("--label <NAME=VALUE>", "mark the job; repeatable", parsePair))
      .addOption(option("--request-id <id>", "a repeat with the same id returns the same job"))
      .action((words: string[], options: NewJobOptions) =>
        found({ kind, job: newJobOf(words, options) })
      );
  newJob("start", "start a job and print its id");
  newJob("run", "start a job, show its output, exit with its status");

  subcommand(program, "stop", "stop a job and everything it started")
    .argument("<jobId>")
    .addOption(option("--signal <name>", "sent first [SIGTERM]"))
    .addOption(option("--grace <duration>", "from then to SIGKILL [10s]", parseDuration))
    .action((jobId: string, { signal = "", grace }: { signal?: string; grace?: number }) =>
      found({ kind: "stop", jobId, stopSignal: signal, gracePeriodMs: grace ?? null })
    );

  subcommand(program, "status", "show a job")
    .argument("<jobId>")
    .action((jobId: string) => found({ kind: "status", jobId }));

  subcommand(program, "output", "print all a job prints until it ends, exit with its status")
    .argument("<jobId>")
    .action((jobId: string) => found({ kind: "output", jobId }));

  subcommand(program, "logs", "print what a job has printed so far")
    .addArgument(new Argument("<streams>").choices(["all", "stdout", "stderr"]))
    .argument("<jobId>")
    .option("-f, --follow", "go on until the job ends")
    .option("-t, --timestamps", "begin each line with its time")
    .addOption(option("--tail <n>", "only the last n lines", (text) => parseCount(text, 0)))
    .addOption(
      option("--since <when>", "only what is newer: 10m, or 2026-07-31T09:30:00Z", parseSince)
        .conflicts("tail"),
    )
    .action((streams: "all" | LogStream, jobId: string, options: LogsOptions) =>
      found({
        kind: "logs",
        jobId,
        streams: streams === "all" ? [] : [streams],
        follow: options.follow ?? false,
        start: logsStartOf(options),
        timestamps: options.timestamps ?? false,
      })
    );

  subcommand(program, "list", "list jobs, the newest first")
    .addArgument(
      new Argument("[status]").choices(["all", "running", "failed", "cancelled", "done"]).default(
        "all",
      ),
    )
    .addOption(option("--owner <user>", "only those of one user"))
    .addOption(option("--label <NAME=VALUE>", "only those marked so; repeatable", parsePair))
    .addOption(option("--limit <n>", "no more than n", (text) => parseCount(text, 1)))
    .addHelpText(
      "after",
      "\nNot on a terminal: a line per job, without a heading, separated by tabs:\n" +
        "jobId, status, exit, startDate, finishDate, owner, command.",
    )
    .action((status: ListVerb["status"], options: ListOptions) =>
      found({
        kind: "list",
        status,
        owner: options.owner ?? "",
        labels: options.label ?? {},
        limit: options.limit ?? Infinity,
      })
    );

  subcommand(program, "wait", "wait until a job ends, exit with its status")
    .argument("<jobId>")
    .action((jobId: string) => found({ kind: "wait", jobId }));

  subcommand(program, "health", "ask the daemon whether it is well")
    .action(() => found({ kind: "health" }));

  subcommand(program, "certs", "make a CA and the certificates of a server and three users")
    .addOption(option("--dir <dir>", "where to [certs]"))
    .option("--force", "replace those that are there")
    .addOption(
      option("--host <name>", "a name or address of the server; repeatable", parseRepeated),
    )
    .action(({ dir = "certs", force = false, host = [] }: CertsOptions) =>
      found({ kind: "certs", directory: dir, force, hosts: host })
    );

  addSettings(program);
  for (const command of program.commands) {
    addSettings(command.optionsGroup("Options of every subcommand:"));
  }
  return program;
}

function subcommand(program: Command, name: Verb["kind"], about: string): Command {
  return program.command(name).description(about).helpOption("-h, --help", "print this help");
}

function addSettings(command: Command): void {
  for (const { flags, about, read } of Object.values<Setting>(SETTINGS)) {
    command.addOption(option(flags, about, read));
  }
}

/** An option whose value is read by `read`, which throws what it does not accept. */
function option<T>(
  flags: string,
  about: string,
  read?: (text: string, previous: T | undefined) => T,
): Option {
  const made = new Option(flags, about);
  if (read === undefined) return made;
  return made.argParser((text: string, previous: T | undefined) => {
    try {
      return read(text, previous);
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  });
}

interface NewJobOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly requestId?: string;
}

function newJobOf(words: readonly string[], options: NewJobOptions): NewJob {
  const [name = "", ...args] = words;
  const { env = {}, cwd = "", label = {}, requestId = "" } = options;
  return { command: { name, args, env, workingDirectory: cwd }, labels: label, requestId };
}

interface LogsOptions {
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: number;
  readonly since?: LogsStart;
}

function logsStartOf({ tail, since }: LogsOptions): LogsStart {
  return since ?? (tail === undefined ? { kind: "first" } : { kind: "tail", lines: tail });
}

interface ListOptions {
  readonly owner?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly limit?: number;
}

interface CertsOptions {
  readonly dir?: string;
  readonly force?: boolean;
  readonly host?: readonly string[];
}
