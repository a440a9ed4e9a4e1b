/**
 * The words that users of docker, kubectl and kill(1) know. Those that mean what a verb of ours means are subcommands;
 * about the others we say what does it here.
 *
 * @module
 */

import { VERSION_TEXT } from "../../version.ts";
import {
  type Command,
  CommanderError,
  type Found,
  option,
  subcommand,
  WHICH_JOB,
} from "../parser.ts";
import { parseText } from "../values.ts";

/** Why a job cannot have what `docker run -t` gives. */
export const NO_TERMINAL =
  "A job has no terminal, so there is no -t: it outlives connections, and its stdout and stderr are kept apart. " +
  "To pass standard input on: run -i";

/** What `docker run -d` means is a subcommand. */
export const NO_DETACH =
  "There is no -d: start leaves a job to itself, and prints its id: worker-cli start -- <command>";

/** What does what these words mean elsewhere. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  rm: "There is no rm: to remove finished jobs and their logs, worker-cli prune --older-than 1d, " +
    "or prune --keep 0 for all of them",
  clean: "There is no clean: to remove finished jobs and their logs, worker-cli prune --keep 0",
  add: "There is no add: to have a job wait for its turn, worker-cli start --queue -- <command>",
  exec:
    `There is no exec: to run a command on the server, worker-cli run -- <command>. ${NO_TERMINAL}`,
  attach: "There is no attach: to follow the output of a job, worker-cli logs JOB --follow; " +
    "to have its exit status, too, worker-cli output JOB",
  follow: "There is no follow: to follow the output of a job, worker-cli logs JOB --follow",
  tail: "There is no tail: to follow the output of a job, worker-cli logs JOB --tail 10 --follow",
  ls: "There is no ls: to list jobs, worker-cli list, or worker-cli ps for those that run",
  get: "There is no get: to list jobs, worker-cli list, and to see one, worker-cli status JOB",
  inspect: "There is no inspect: to see all that is known of a job, worker-cli status JOB --json",
  describe: "There is no describe: to see a job, worker-cli status JOB",
  top: "There is no top: to watch the jobs that run, worker-cli ps --watch",
  events: "There is no events: to watch jobs, worker-cli list --watch",
  pause: "There is no pause: to suspend a job, worker-cli signal JOB STOP, and to let it go on, " +
    "worker-cli signal JOB CONT",
  cp: "There is no cp: to copy a file there, worker-cli run -i -- sh -c 'cat >FILE' <FILE; " +
    "and back, worker-cli run -- cat FILE >FILE",
};

/** What to do in place of a word that is not ours; `null` if nobody knows it. */
export function elsewhere(word: string): string | null {
  return Object.hasOwn(ELSEWHERE, word) ? ELSEWHERE[word] ?? null : null;
}

/** A signal as kill(1) takes it: `-15`, `-TERM`, `-RTMIN+3`. No option of ours looks so. */
const SIGNAL_WORD = /^-(\d{1,2}|[A-Z][A-Z0-9]+(?:[+-]\d+)?)$/;

/** Defines `kill`: `signal`, which sends SIGKILL unless it is told otherwise. */
export function defineKill(program: Command, found: Found): void {
  const kill = subcommand(
    program,
    "kill",
    "send SIGKILL to every process of a job; see also stop and signal",
  );
  const parseOptions = kill.parseOptions.bind(kill);
  kill.parseOptions = (words) =>
    parseOptions(words.map((word) => word.replace(SIGNAL_WORD, "--signal=$1")));
  kill.argument("<jobId>", WHICH_JOB)
    .addOption(option("-s, --signal <name>", "another signal: -s HUP, -HUP or -1", parseText))
    .action((jobId: string, { signal = "KILL" }: { readonly signal?: string }) =>
      found({ kind: "signal", jobId, signal })
    );
}

/** Defines `version`. */
export function defineVersion(program: Command, _found: Found): void {
  subcommand(program, "version", "print the version, as --version does").action(() => {
    program.configureOutput().writeOut?.(`${VERSION_TEXT}\n`);
    throw new CommanderError(0, "commander.version", VERSION_TEXT);
  });
}
