import { invalidArgument } from "../../errors.ts";
import type { NewJob } from "../invocation.ts";
import type { Execution, HostSelector, IfHostLost, JobLimits, LogLimit } from "../job_client.ts";
import { type Command, type Found, option, subcommand } from "../parser.ts";
import { NO_DETACH, NO_TERMINAL } from "./known_words.ts";
import { addRunAllOptions, type RunAllOptions, runAllVerbOf } from "./run_all.ts";
import {
  limitBy,
  parseCount,
  parseGracePeriod,
  parseIfHostLost,
  parseLabel,
  parseNumber,
  parsePair,
  parsePolicy,
  parseSelector,
  parseSize,
  parseText,
  parseTimeout,
} from "../values.ts";

/** The options of `start` and `run`, as the parser gives them. */
interface NewJobOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly requestId?: string;
  readonly queue?: boolean;
  readonly "queue=false"?: boolean;
  readonly notify?: string;
  readonly on?: HostSelector;
  readonly priority?: number;
  readonly ifHostLost?: IfHostLost;
  readonly logLimit?: number;
  readonly logPolicy?: LogLimit["policy"];
  /** Milliseconds. */
  readonly timeout?: number;
  readonly grace?: number;
  readonly user?: string;
  readonly umask?: string;
  readonly nice?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly cpus?: number;
  readonly processes?: number;
  /** Only for `run`. */
  readonly interactive?: boolean;
  /** What there is not. */
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** The job that a line asks for, without what the line does not say. */
function newJobOf(words: readonly string[], options: NewJobOptions): NewJob {
  const [name = "", ...args] = words;
  const { env = {}, cwd = "", label = {}, requestId = "" } = options;
  const fleet = given<Pick<NewJob, "queue" | "on" | "priority" | "ifHostLost">>({
    queue: options["queue=false"] ? false : options.queue,
    on: options.on,
    priority: options.priority,
    ifHostLost: options.ifHostLost,
  });
  const logLimit = given<LogLimit>({ bytes: options.logLimit, policy: options.logPolicy });
  const limits = given<JobLimits>({
    memoryBytes: options.memory,
    cpus: options.cpus,
    processes: options.processes,
  });
  const execution = given<Execution>({
    user: options.user,
    umask: options.umask,
    nice: options.nice,
    timeoutMs: options.timeout,
    gracePeriodMs: options.grace,
    limits,
    hasInput: options.interactive,
  });
  return {
    command: { name, args, env, workingDirectory: cwd },
    labels: label,
    ...(options.name !== undefined && { name: options.name }),
    requestId,
    ...(logLimit && { logLimit }),
    ...(execution && { execution }),
    ...(options.notify !== undefined && { notify: options.notify }),
    ...fleet,
  };
}

/** The members that are set; `undefined` if there are none. */
function given<T>(members: { [Key in keyof T]-?: T[Key] | undefined }): Partial<T> | undefined {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries) as Partial<T>;
}

/** Defines `start` and `run`. */
export function defineNewJob(program: Command, found: Found): void {
  const newJob = (kind: "start" | "run", about: string) =>
    subcommand(program, kind, about)
      .usage("[options] -- <command>...")
      .argument("<command...>", "the program and its arguments, passed on unchanged")
      .passThroughOptions()
      .addOption(
        option("-e, --env <NAME=VALUE>", "set an environment variable (repeatable)", parsePair),
      )
      .addOption(
        option("--cwd <dir>", "working directory on the server, an absolute path", parseText),
      )
      .addOption(
        option("-l, --label <NAME=VALUE>", "attach a label to the job (repeatable)", parseLabel),
      )
      .addOption(
        option(
          "--name <name>",
          "call it so; no other running or queued job of yours may have the name",
          parseText,
        ),
      )
      .addOption(
        option(
          "--request-id <id>",
          "start at most once: a repeat with the same id returns the same job",
          parseText,
        ),
      )
      .option(
        "--queue",
        "if too many jobs run, have it wait and start by itself, as a hub does anyway",
      )
      .option("--queue=false", "if too many jobs run, be refused")
      .addOption(
        option(
          "--notify <url>",
          "https URL of a webhook to tell how it has ended, if the daemon allows its host",
          parseText,
        ),
      )
      .addOption(
        option(
          "--on <where>",
          "the host of a fleet to run on: web-1, or one with labels: role=web,zone=eu",
          parseSelector,
        ),
      )
      .addOption(
        option(
          "--priority <n>",
          "its place in the queue of a fleet: the higher, the sooner [0]; above 0 for admins",
          parseNumber,
        ),
      )
      .addOption(
        option(
          "--if-host-lost <what>",
          "wait for its host [wait]; or rerun it elsewhere, so that it may run twice",
          parseIfHostLost,
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
          parsePolicy,
        ),
      )
      .addOption(option("--timeout <duration>", "stop it after this long", parseTimeout))
      .addOption(
        option(
          "--grace <duration>",
          "time between a stop signal and SIGKILL [10s]",
          parseGracePeriod,
        ),
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
      .addOption(option("-t, --tty", NO_TERMINAL).hideHelp())
      .addOption(option("-d, --detach", NO_DETACH).hideHelp())
      .action((words: string[], options: NewJobOptions & RunAllOptions) => {
        if (options.tty) throw invalidArgument(NO_TERMINAL);
        if (options.detach) throw invalidArgument(NO_DETACH);
        const job = newJobOf(words, options);
        const quiet = options.quiet ? { quiet: true } : {};
        found(runAllVerbOf(job, options) ?? { kind, job, ...quiet });
      });
  newJob("start", "start a job and print its id");
  const run = newJob("run", "start a job, show its output, and exit with its status")
    .option("-i, --interactive", "pass standard input to the job")
    .option("-q, --quiet", "print neither its output nor anything about it")
    .addHelpText("after", RUN_NOTES);
  addRunAllOptions(run);
}

/** The part of the help of `run` about how it and its job end. */
export const RUN_NOTES = `
If the job is queued, standard error says so, and for what it waits. Ctrl-C
takes it out of the queue.
Ctrl-C and SIGTERM stop the job; a second one exits without waiting for it to
end.
After a hang-up (exit status 129), when nobody reads the output any more (141),
or when the daemon cannot be reached (125), the job keeps running; standard
error then says so, with its id and how to get back to it. With --interactive,
the first two stop the job, because the rest of its input is lost.
If the job did not simply exit, standard error says how and why it ended: killed
by a signal, out of time or memory, at the limit of its log, stopped by a user,
at the daemon's shutdown, or lost.
With --quiet, only the exit status says how the job ended, and standard error
has only what keeps worker-cli from knowing that.`;
