/**
 * The grammar of the command line: the only module that knows the parser package.
 *
 * @module
 */

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { parseByteSize } from "../text/byte_size.ts";
import { parseDuration } from "../text/duration.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { type CommandShape, shapeOf } from "./command_shape.ts";
import { type Shell, SHELLS } from "./completions.ts";
import type { Environment } from "./environment.ts";
import type { ContextVerb, ListVerb, Parsed, Verb } from "./invocation.ts";
import type { LogStream } from "./job_client.ts";
import { parseMoment } from "./moment.ts";
import { newJobOf, type NewJobOptions } from "./new_job.ts";
import { parseRest, REST_FORMS, REST_NOTES } from "./rest_grammar.ts";
import { type GivenSettings, readSettings, type Setting, SETTINGS } from "./settings.ts";
import { UserDirectory, withContext } from "./user_directory.ts";
import {
  limitBy,
  parseAddress,
  parseCount,
  parseDays,
  parseLogPolicy,
  parseNumber,
  parsePair,
  parseRepeated,
  parseRoles,
  parseSize,
  parseText,
  parseTimeout,
  parseTimeoutOrNone,
} from "./values.ts";
import {
  CERTS_ACTIONS,
  type CertsOptions,
  certsVerbOf,
  type ContextOptions,
  contextVerbOf,
  type ListOptions,
  listVerbOf,
  type LogsOptions,
  logsVerbOf,
  type PruneOptions,
  pruneVerbOf,
  type StopOptions,
  stopVerbOf,
} from "./verb_options.ts";
import { VERSION_TEXT } from "../version.ts";

/**
 * Reads a command line. Pure: neither the process nor its environment is looked at.
 *
 * @param args What follows the program's name.
 * @param environment The variables that stand in for options, see {@linkcode SETTINGS}.
 * @param directory Where contexts and certificates of the user are looked for.
 */
export function parse(
  args: readonly string[],
  environment: Environment,
  directory: UserDirectory = new UserDirectory(null),
): Parsed {
  const rest = parseRest(args, environment, directory);
  if (rest !== null) return rest;
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
    const context = after.context ?? before.context;
    const settings = readSettings(
      { ...before, ...after, color },
      withContext(environment, directory, context),
    );
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
       worker-cli ${REST_FORMS}
       worker-cli -h | --help | --version`;

const NOTES = `
A job id may be shortened to any unique prefix.
Durations need a unit: 250ms, 90s, 1m30s, 30d. Times are a duration before now, a date with a time zone
(2026-07-31T09:30:00Z or +02:00), or @ followed by seconds since 1970.
Each option above can also be set by a variable, such as WORKER_ADDRESS or WORKER_NO_COLOR; the command
line takes precedence.
Exit status: the job's own for run, output and wait (128+n if it was killed by signal n);
             2 for invalid usage, 125 if worker-cli itself fails.`;

function programOf(print: (text: string) => void, found: (verb: Verb) => void): Command {
  const program = new Command("worker-cli")
    .description("Runs commands on a server as jobs, and shows their output and how they ended.")
    .usage(FORMS)
    .version(VERSION_TEXT, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", NOTES + "\n" + REST_NOTES)
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
      .argument("<command...>", "the program and its arguments, passed on unchanged")
      .passThroughOptions()
      .addOption(
        option("--env <NAME=VALUE>", "set an environment variable (repeatable)", parsePair),
      )
      .addOption(
        option("--cwd <dir>", "working directory on the server, an absolute path", parseText),
      )
      .addOption(
        option("--label <NAME=VALUE>", "attach a label to the job (repeatable)", parsePair),
      )
      .addOption(
        option(
          "--request-id <id>",
          "start at most once: a repeat with the same id returns the same job",
          parseText,
        ),
      )
      .addOption(
        option(
          "--log-limit <size>",
          "how much disk space its log may take, e.g. 64MiB",
          limitBy(parseSize),
        ),
      )
      .addOption(
        option(
          "--log-policy <policy>",
          "what to do at the limit: keep-newest output, or end-job",
          parseLogPolicy,
        ),
      )
      .addOption(option("--timeout <duration>", "stop it after this long", parseTimeout))
      .addOption(
        option("--grace <duration>", "time between a stop signal and SIGKILL [10s]", parseDuration),
      )
      .addOption(option("--user <name>", "run as this user, if the daemon allows it", parseText))
      .addOption(option("--umask <octal>", "umask for the files it creates, e.g. 027", parseText))
      .addOption(option("--nice <n>", "niceness, from -20 (most favourable) to 19", parseNumber))
      .addOption(option("--memory <size>", "memory limit, e.g. 512MiB", limitBy(parseSize)))
      .addOption(option("--cpus <n>", "processor limit, e.g. 1.5", limitBy(parseNumber)))
      .addOption(
        option(
          "--processes <n>",
          "limit on its number of processes",
          (text) => parseCount(text, 1),
        ),
      )
      .action((words: string[], options: NewJobOptions) =>
        found({ kind, job: newJobOf(words, options) })
      );
  newJob("start", "start a job and print its id");
  newJob("run", "start a job, show its output, and exit with its status")
    .option("-i, --interactive", "pass standard input to the job")
    .addHelpText("after", RUN_NOTES);

  subcommand(program, "stop", "stop a job and everything it started")
    .usage("[options] (<jobId> | --all)")
    .argument("[jobId]")
    .addOption(option("--signal <name>", "signal to send first [SIGTERM]", parseText))
    .addOption(
      option("--grace <duration>", "time before SIGKILL [the job's own]", parseDuration),
    )
    .option("--all", "stop every running job that you have access to")
    .addOption(option("--owner <user>", "with --all: only jobs of this user", parseText))
    .addOption(
      option(
        "--label <NAME=VALUE>",
        "with --all: only jobs with this label (repeatable)",
        parsePair,
      ),
    )
    .addHelpText("after", "\nWith --all, the exit status is 1 if any job could not be stopped.")
    .action((jobId: string | undefined, options: StopOptions) => found(stopVerbOf(jobId, options)));

  subcommand(program, "signal", "send a signal to every process of a job")
    .argument("<jobId>")
    .argument("<signal>", "a name or number as in signal(7), e.g. HUP")
    .action((jobId: string, signal: string) => found({ kind: "signal", jobId, signal }));

  subcommand(program, "update", "change the time limit of a running job")
    .argument("<jobId>")
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

  subcommand(program, "status", "show a job")
    .argument("<jobId>")
    .action((jobId: string) => found({ kind: "status", jobId }));

  subcommand(program, "output", "print all output of a job until it ends, and exit with its status")
    .argument("<jobId>")
    .addHelpText("after", LEAVING + LEAVING_IS_SAID)
    .action((jobId: string) => found({ kind: "output", jobId }));

  subcommand(program, "logs", "print the output of a job so far")
    .addArgument(new Argument("<streams>").choices(["all", "stdout", "stderr"]))
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

  subcommand(program, "list", "list jobs, newest first")
    .addArgument(
      new Argument("[status]").choices(["all", "running", "failed", "cancelled", "done"]).default(
        "all",
      ),
    )
    .addOption(option("--owner <user>", "only jobs of this user", parseText))
    .addOption(option("--label <NAME=VALUE>", "only jobs with this label (repeatable)", parsePair))
    .addOption(
      option(
        "--since <when>",
        "only jobs started since then, e.g. 10m or 2026-07-31T09:30:00Z",
        parseMoment,
      ),
    )
    .addOption(option("--until <when>", "only jobs started before then", parseMoment))
    .addOption(option("--limit <n>", "show at most n jobs", (text) => parseCount(text, 1)))
    .addHelpText(
      "after",
      "\nWhen not printing to a terminal: one line per job, without a heading, separated by tabs:\n" +
        "jobId, status, exit, startDate, finishDate, owner, command.",
    )
    .action((status: ListVerb["status"], options: ListOptions) =>
      found(listVerbOf(status, options))
    );

  subcommand(program, "wait", "wait until a job ends, and exit with its status")
    .argument("<jobId>")
    .addHelpText("after", LEAVING + LEAVING_IS_SAID)
    .action((jobId: string) => found({ kind: "wait", jobId }));

  subcommand(program, "prune", "remove finished jobs and their logs")
    .addOption(
      option(
        "--older-than <duration>",
        "remove jobs that ended longer ago than this, e.g. 30d",
        parseDuration,
      ),
    )
    .addOption(option("--keep <n>", "keep only the newest n jobs", (text) => parseCount(text, 0)))
    .addOption(
      option(
        "--keep-bytes <size>",
        "keep only the newest jobs whose logs fit in this size",
        parseByteSize,
      ),
    )
    .addOption(option("--owner <user>", "only jobs of this user", parseText))
    .option("--dry-run", "only show what would be removed")
    .addHelpText(
      "after",
      "\nIf several limits are given, a job that exceeds any of them is removed. Jobs that are running, or " +
        "whose logs are being read, stay.",
    )
    .action((options: PruneOptions) => found(pruneVerbOf(options)));

  subcommand(program, "health", "check whether the daemon is serving")
    .action(() => found({ kind: "health" }));

  subcommand(program, "certs", "create certificates for a new installation, and manage them")
    .usage("[options] [add | renew | list | revoke] [name]")
    .addArgument(new Argument("[action]").choices([...CERTS_ACTIONS]))
    .argument("[name]")
    .addOption(option("--dir <dir>", "directory of the CA [certs]", parseText))
    .option("--force", "replace the CA and all of its certificates")
    .addOption(
      option(
        "--host <name>",
        "additional name or address of the server (repeatable)",
        parseRepeated,
      ),
    )
    .addOption(
      option(
        "--role <role>",
        "role of the new user: admin, operator or viewer (repeatable)",
        parseRoles,
      ),
    )
    .addOption(option("--days <n>", "validity in days [365]", parseDays))
    .addOption(option("--ca-key <file>", "private key of the CA [ca-key.pem in --dir]", parseText))
    .addOption(
      option("--deny-list <file>", "the daemon's deny list [deny-list.txt in --dir]", parseText),
    )
    .addHelpText("after", CERTS_NOTES)
    .action((
      action: typeof CERTS_ACTIONS[number] | undefined,
      name: string | undefined,
      options: CertsOptions,
    ) => found(certsVerbOf(action, name, options)));

  subcommand(program, "context", "remember daemons by name, with the certificates to use")
    .addArgument(new Argument("<action>").choices(["add", "use", "list", "remove"]))
    .argument("[name]")
    .addOption(
      option("--rest-address <addr>", "host:port of its REST API (with add)", parseAddress),
    )
    .addOption(option("--user <name>", "your user name for REST (with add)", parseText))
    .addHelpText("after", CONTEXT_NOTES)
    .action((action: ContextVerb["action"], name: string | undefined, _, command: Command) =>
      found(contextVerbOf(action, name, command.optsWithGlobals<ContextOptions>()))
    );

  subcommand(program, "completions", "print a completion script for a shell")
    .addArgument(new Argument("<shell>").choices([...SHELLS]))
    .action((shell: Shell) => found({ kind: "completions", shell }));

  program.command("__complete", { hidden: true })
    .argument("[words...]")
    .passThroughOptions()
    .action((words: string[]) => found({ kind: "__complete", words }));

  addSettings(program);
  for (const command of program.commands) {
    addSettings(command.optionsGroup("Options of every subcommand:"));
  }
  return program;
}

/** What ends the job of `run`, and what is said. */
export const RUN_NOTES = `
Ctrl-C and SIGTERM stop the job; a second one exits without waiting for it to end.
After a hang-up (exit status 129), when nobody reads the output any more (141), or when the daemon cannot
be reached (125), the job keeps running; standard error then says so, with its id and how to get back to
it. With --interactive the first two stop the job, because the rest of its input is lost.
If the job did not simply exit, standard error says how and why it ended: killed by a signal, out of time
or memory, at the limit of its log, stopped by a user, at the daemon's shutdown, or lost.`;

/** Of those who only watch a job. */
const LEAVING = `
Ctrl-C (exit status 130), SIGTERM (143) and a hang-up (129) end only this command: the job goes on.`;

const LEAVING_IS_SAID = `
Standard error says so, because the exit status is then not the job's.`;

const CERTS_NOTES = `
  worker-cli certs                           create a CA and certificates for a server and three clients
  worker-cli certs add alice --role operator create a certificate for another client
  worker-cli certs renew [alice | server]    issue a new certificate for the same key; without a name, all
  worker-cli certs list                      show names, roles, expiry dates and files; a certificate that
                                             was renewed stays valid, and has no file any more
  worker-cli certs revoke alice              add it to the deny list, which the daemon reads on reload`;

const CONTEXT_NOTES = `
  worker-cli context add prod --address prod.example:8080 --cert p.pem --key p.key --ca ca.pem
  worker-cli context use prod
  worker-cli --context prod list`;

/** The grammar as data. */
export function describeGrammar(): CommandShape {
  return shapeOf(programOf(() => {}, () => {}));
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
