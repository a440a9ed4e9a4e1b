/**
 * The grammar of the command line: the only module that knows the parser package.
 *
 * @module
 */

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { parseByteSize } from "../byte_size.ts";
import { parseDuration } from "../duration.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { type CommandShape, shapeOf } from "./command_shape.ts";
import { type Shell, SHELLS } from "./completions.ts";
import type { ContextVerb, Invocation, ListVerb, Verb } from "./invocation.ts";
import type { LogStream } from "./job_client.ts";
import { parseMoment } from "./moment.ts";
import { newJobOf, type NewJobOptions } from "./new_job.ts";
import { parseRest, REST_FORMS, REST_NOTES } from "./rest_grammar.ts";
import {
  type Environment,
  type GivenSettings,
  readSettings,
  type Setting,
  SETTINGS,
} from "./settings.ts";
import { UserDirectory, withContext } from "./user_directory.ts";
import {
  parseAddress,
  parseCount,
  parseDays,
  parseLogPolicy,
  parseNumber,
  parsePair,
  parseRepeated,
  parseRoles,
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
A job id may be cut short, as long as only one job's id begins with it.
A duration has units: 250ms, 90s, 1m30s, 30d. A time is a duration back from now, a date with its zone
as in 2026-07-31T09:30:00Z or +02:00, or @ and seconds since 1970.
Each option above has a variable, such as WORKER_ADDRESS or WORKER_NO_COLOR; the command line wins.
Exit status: that of the job for run, output and wait (128+n if signal n ended it);
             2 for a line that is not understood, 125 if worker-cli itself fails.`;

function programOf(print: (text: string) => void, found: (verb: Verb) => void): Command {
  const program = new Command("worker-cli")
    .description("Runs commands on a server as jobs, and shows what became of them.")
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
      .argument("<command...>", "the program and its arguments, passed on untouched")
      .passThroughOptions()
      .addOption(option("--env <NAME=VALUE>", "set a variable; repeatable", parsePair))
      .addOption(option("--cwd <dir>", "where to run, an absolute path on the server"))
      .addOption(option("--label <NAME=VALUE>", "mark the job; repeatable", parsePair))
      .addOption(option("--request-id <id>", "a repeat with the same id returns the same job"))
      .addOption(option("--log-limit <size>", "what its log may take: 64MiB", parseByteSize))
      .addOption(
        option("--log-policy <policy>", "then: keep-newest output, or end-job", parseLogPolicy),
      )
      .addOption(option("--timeout <duration>", "how long it may run", parseTimeout))
      .addOption(
        option("--grace <duration>", "from a stop signal to SIGKILL [10s]", parseDuration),
      )
      .addOption(option("--user <name>", "whose rights it has, if the daemon allows it"))
      .addOption(option("--umask <octal>", "of the files it makes: 027"))
      .addOption(option("--nice <n>", "-20 to 19: how far it steps back for others", parseNumber))
      .addOption(option("--memory <size>", "what it may hold in memory: 512MiB", parseByteSize))
      .addOption(option("--cpus <n>", "how many processors' worth of time: 1.5", parseNumber))
      .addOption(
        option("--processes <n>", "how many processes it may be", (text) => parseCount(text, 1)),
      )
      .action((words: string[], options: NewJobOptions) =>
        found({ kind, job: newJobOf(words, options) })
      );
  newJob("start", "start a job and print its id");
  newJob("run", "start a job, show its output, exit with its status")
    .option("-i, --interactive", "pass standard input on to the job")
    .addHelpText("after", RUN_NOTES);

  subcommand(program, "stop", "stop a job and everything it started")
    .usage("[options] (<jobId> | --all)")
    .argument("[jobId]")
    .addOption(option("--signal <name>", "sent first [SIGTERM]"))
    .addOption(
      option("--grace <duration>", "from then to SIGKILL [that of the job]", parseDuration),
    )
    .option("--all", "every running job that you may see")
    .addOption(option("--owner <user>", "of those, the ones of one user"))
    .addOption(
      option("--label <NAME=VALUE>", "of those, the ones marked so; repeatable", parsePair),
    )
    .addHelpText("after", "\nWith --all the exit status is 1 if a job could not be stopped.")
    .action((jobId: string | undefined, options: StopOptions) => found(stopVerbOf(jobId, options)));

  subcommand(program, "signal", "send a signal to every process of a job")
    .argument("<jobId>")
    .argument("<signal>", "a name or a number as in signal(7): HUP")
    .action((jobId: string, signal: string) => found({ kind: "signal", jobId, signal }));

  subcommand(program, "update", "change how long a running job may run")
    .argument("<jobId>")
    .addOption(
      option("--timeout <duration>", "from its start, or none: 2h", parseTimeoutOrNone)
        .makeOptionMandatory(),
    )
    .action((jobId: string, { timeout }: { timeout: number }) =>
      found({ kind: "update", jobId, timeoutMs: timeout })
    );

  subcommand(program, "status", "show a job")
    .argument("<jobId>")
    .action((jobId: string) => found({ kind: "status", jobId }));

  subcommand(program, "output", "print all a job prints until it ends, exit with its status")
    .argument("<jobId>")
    .addHelpText(
      "after",
      LEAVING + LEAVING_IS_SAID,
    )
    .action((jobId: string) => found({ kind: "output", jobId }));

  subcommand(program, "logs", "print what a job has printed so far")
    .addArgument(new Argument("<streams>").choices(["all", "stdout", "stderr"]))
    .argument("<jobId>")
    .option("-f, --follow", "go on until the job ends")
    .option("-t, --timestamps", "begin each line with its time")
    .addOption(option("--tail <n>", "only the last n lines", (text) => parseCount(text, 0)))
    .addOption(
      option("--since <when>", "only what is newer: 10m, or 2026-07-31T09:30:00Z", parseMoment)
        .conflicts("tail"),
    )
    .addHelpText("after", LEAVING)
    .action((streams: "all" | LogStream, jobId: string, options: LogsOptions) =>
      found(logsVerbOf(streams, jobId, options))
    );

  subcommand(program, "list", "list jobs, the newest first")
    .addArgument(
      new Argument("[status]").choices(["all", "running", "failed", "cancelled", "done"]).default(
        "all",
      ),
    )
    .addOption(option("--owner <user>", "only those of one user"))
    .addOption(option("--label <NAME=VALUE>", "only those marked so; repeatable", parsePair))
    .addOption(
      option("--since <when>", "only those started since: 10m, or a time of RFC 3339", parseMoment),
    )
    .addOption(option("--until <when>", "only those started before", parseMoment))
    .addOption(option("--limit <n>", "no more than n", (text) => parseCount(text, 1)))
    .addHelpText(
      "after",
      "\nNot on a terminal: a line per job, without a heading, separated by tabs:\n" +
        "jobId, status, exit, startDate, finishDate, owner, command.",
    )
    .action((status: ListVerb["status"], options: ListOptions) =>
      found(listVerbOf(status, options))
    );

  subcommand(program, "wait", "wait until a job ends, exit with its status")
    .argument("<jobId>")
    .addHelpText(
      "after",
      LEAVING + LEAVING_IS_SAID,
    )
    .action((jobId: string) => found({ kind: "wait", jobId }));

  subcommand(program, "prune", "remove finished jobs with their logs")
    .addOption(option("--older-than <duration>", "those that ended before: 30d", parseDuration))
    .addOption(option("--keep <n>", "all but the newest n", (text) => parseCount(text, 0)))
    .addOption(option("--keep-bytes <size>", "all but the newest with so much log", parseByteSize))
    .addOption(option("--owner <user>", "only those of one user"))
    .option("--dry-run", "only tell which")
    .addHelpText(
      "after",
      "\nWith several bounds, a job goes that is outside of any. One that runs, or whose log is being " +
        "read, stays.",
    )
    .action((options: PruneOptions) => found(pruneVerbOf(options)));

  subcommand(program, "health", "ask the daemon whether it is well")
    .action(() => found({ kind: "health" }));

  subcommand(program, "certs", "make certificates: those of a new installation, or one by one")
    .usage("[options] [add | renew | list | revoke] [name]")
    .addArgument(new Argument("[action]").choices([...CERTS_ACTIONS]))
    .argument("[name]")
    .addOption(option("--dir <dir>", "where the CA is, or is to be [certs]"))
    .option("--force", "replace the CA, and with it every certificate")
    .addOption(
      option("--host <name>", "one more name or address of the server; repeatable", parseRepeated),
    )
    .addOption(
      option(
        "--role <role>",
        "of the user to add: admin, operator, viewer; repeatable",
        parseRoles,
      ),
    )
    .addOption(option("--days <n>", "how long the certificate is good [365]", parseDays))
    .addOption(option("--ca-key <file>", "the key of the CA [ca-key.pem in --dir]"))
    .addOption(option("--deny-list <file>", "that of the daemon [deny-list.txt in --dir]"))
    .addHelpText("after", CERTS_NOTES)
    .action((
      action: typeof CERTS_ACTIONS[number] | undefined,
      name: string | undefined,
      options: CertsOptions,
    ) => found(certsVerbOf(action, name, options)));

  subcommand(program, "context", "remember daemons, and which certificates are for them")
    .addArgument(new Argument("<action>").choices(["add", "use", "list", "remove"]))
    .argument("[name]")
    .addOption(option("--rest-address <addr>", "host:port of its REST, to add", parseAddress))
    .addOption(option("--user <name>", "who you are there, to add"))
    .addHelpText("after", CONTEXT_NOTES)
    .action((action: ContextVerb["action"], name: string | undefined, _, command: Command) =>
      found(contextVerbOf(action, name, command.optsWithGlobals<ContextOptions>()))
    );

  subcommand(program, "completions", "print what makes a shell complete worker-cli's lines")
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
Ctrl-C and SIGTERM stop the job; a second one leaves without waiting for its end.
A hang-up (exit status 129), an output that nobody reads any more (141) and a daemon that cannot be
reached (125) leave it running, and say so on standard error with its id and how to get at it. With
--interactive the first two stop it, as it cannot have the rest of its input.
Unless the job just exits, standard error says how and why it ended: by a signal, out of time, out of
memory, for the limit of its log, stopped by a user, with the daemon, or lost.`;

/** Of those who only watch a job. */
const LEAVING = `
Ctrl-C (exit status 130), SIGTERM (143) and a hang-up (129) end this only: the job goes on.`;

const LEAVING_IS_SAID = `
Standard error says so, as the exit status is then not the job's.`;

const CERTS_NOTES = `
  worker-cli certs                           a CA, the server's certificate and three clients'
  worker-cli certs add alice --role operator one more client
  worker-cli certs renew [alice | server]    a new certificate for the same key; without a name, all
  worker-cli certs list                      who has one, with which roles, until when, in which file:
                                             after a renewal the old one stays good, without a file
  worker-cli certs revoke alice              onto the daemon's deny list, which it reads when reloaded`;

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
