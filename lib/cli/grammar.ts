/**
 * The grammar of the command line, put together from what each verb in `verbs/` defines. A verb also
 * checks what its options say together; `values.ts` checks what each value may be.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import { VERSION_TEXT } from "../version.ts";
import { type CommandShape, shapeOf } from "./command_shape.ts";
import type { Environment } from "./environment.ts";
import type { Parsed, Verb } from "./invocation.ts";
import { Command, CommanderError, type Found, option, SHARED_OPTIONS } from "./parser.ts";
import { parseRest, REST_FORMS, REST_NOTES } from "./rest_grammar.ts";
import { type GivenSettings, readSettings, type Setting, SETTINGS } from "./settings.ts";
import { UserDirectory, withContext } from "./user_directory.ts";
import { defineAudit } from "./verbs/audit.ts";
import { defineCerts } from "./verbs/certs.ts";
import { defineSignal, defineUpdate } from "./verbs/change.ts";
import { defineCompletions } from "./verbs/completions.ts";
import { defineContext } from "./verbs/context.ts";
import { defineHosts } from "./verbs/hosts.ts";
import { defineHealth } from "./verbs/health.ts";
import { defineKeep } from "./verbs/keep.ts";
import { defineKill, defineVersion, elsewhere } from "./verbs/known_words.ts";
import { defineList } from "./verbs/list.ts";
import { defineLogs } from "./verbs/logs.ts";
import { defineNewJob } from "./verbs/new_job.ts";
import { definePrune } from "./verbs/prune.ts";
import { defineRestart } from "./verbs/restart.ts";
import { defineStop } from "./verbs/stop.ts";
import { defineOutput, defineStatus, defineWait } from "./verbs/watch.ts";

/**
 * Parses a command line. Pure: it looks at neither the process nor its environment.
 *
 * @param args the arguments after the program's name
 * @param environment the variables that stand in for options, see {@linkcode SETTINGS}
 * @param directory where the user's contexts and certificates are
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
    if (verb === undefined) throw new Error("The line gave neither a subcommand nor an error");
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
      // For a word that is no subcommand, `help` says what the word alone would say.
      const [, topic] = program.args;
      if (topic !== undefined) return parse([topic], environment, directory);
      return { kind: "usage_error", message: `The subcommand is missing\n\n${printed.trimEnd()}` };
    }
    const isUnknown = error instanceof CommanderError && error.code === "commander.unknownCommand";
    const known = isUnknown ? elsewhere(program.args[0] ?? "") : null;
    if (known !== null) return { kind: "usage_error", message: known };
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
       worker-cli ${REST_FORMS.join("\n       worker-cli ")}
       worker-cli -h | --help | --version`;

const NOTES = `
A job is meant by its id, or any unique beginning or end of that; by its name,
if it is yours; and your last one by - or @last. A name means your job that runs
or is queued, or else the newest that has ended.
Durations need a unit: 250ms, 90s, 1m30s, 30d. Times are a duration before now,
a date with a time zone (2026-07-31T09:30:00Z or +02:00), or @ followed by
seconds since 1970.
Each option above can also be set by a variable, such as WORKER_ADDRESS or
WORKER_NO_COLOR; the command line takes precedence.
Exit status: the job's own for run, output and wait (128+n if it was killed by
             signal n); 2 for invalid usage, 125 if worker-cli itself fails.`;

/** In the order of the help. */
const VERBS = [
  defineNewJob,
  defineRestart,
  defineStop,
  defineSignal,
  defineKill,
  defineUpdate,
  defineStatus,
  defineOutput,
  defineLogs,
  defineList,
  defineWait,
  definePrune,
  defineAudit,
  defineHosts,
  defineHealth,
  defineCerts,
  defineContext,
  defineCompletions,
  defineVersion,
  defineKeep,
] as const;

function programOf(print: (text: string) => void, found: Found): Command {
  const program = new Command("worker-cli")
    .description("Runs commands on a server as jobs, and shows their output and how they ended.")
    .usage(FORMS)
    .version(VERSION_TEXT, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", NOTES + "\n" + REST_NOTES)
    .enablePositionalOptions()
    .exitOverride()
    // Their usage is in their own help, so that this one is read at a glance.
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: print,
      writeErr: print,
      // The error has the message.
      outputError: () => {},
      getOutHelpWidth: () => 80,
      getErrHelpWidth: () => 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });

  for (const define of VERBS) define(program, found);

  addSettings(program);
  for (const command of program.commands) {
    addSettings(command.optionsGroup(SHARED_OPTIONS));
  }
  return program;
}

/** The grammar as data. */
export function describeGrammar(): CommandShape {
  return shapeOf(programOf(() => {}, () => {}));
}

function addSettings(command: Command): void {
  for (const { flags, about, read } of Object.values<Setting>(SETTINGS)) {
    command.addOption(option(flags, about, read));
  }
}
