/**
 * The manual pages that `deno task docs` writes, from the grammar of the CLI and the options of the daemon.
 *
 * @module
 */

import type { CommandShape, OptionShape } from "../lib/cli/command_shape.ts";
import { describeGrammar } from "../lib/cli/grammar.ts";
import { REST_FORMS, REST_NOTES, REST_VARIABLES } from "../lib/cli/rest_grammar.ts";
import { SETTINGS } from "../lib/cli/settings.ts";
import { CONFIG_FLAG } from "../lib/config/command_line.ts";
import { EXIT_STATUS_TEXTS } from "../lib/config/exit_status.ts";
import { optionHelp } from "../lib/config/help_text.ts";
import { RUN_NOTES } from "../lib/cli/verbs/new_job.ts";
import { RUN_ALL_NOTES } from "../lib/cli/verbs/run_all.ts";
import { OPTION_ROWS, variableOf } from "../lib/config/options.ts";
import {
  AUDIT_TRAIL,
  DATABASE,
  ENGINE_SOCKET,
  LOGS,
  OUTCOMES,
} from "../lib/daemon/data_directory.ts";
import { VERSION } from "../lib/version.ts";
import { lines, type ManualPage, roffOf, term, text } from "./roff.ts";

/** The pages by the names of their files. */
export function manualPages(): ReadonlyMap<string, string> {
  const pages = [cliPage(describeGrammar()), daemonPage()];
  return new Map(pages.map((page) => [`${page.name}.1`, roffOf(page)]));
}

function cliPage(program: CommandShape): ManualPage {
  const common = program.options.filter(({ long }) => long !== "--version");
  const isCommon = ({ long }: OptionShape) => common.some((option) => option.long === long);
  return {
    name: program.name,
    version: VERSION,
    about: "run commands on a server as jobs",
    sections: [
      {
        title: "SYNOPSIS",
        parts: [
          lines(...`${program.name} ${program.usage}`.split("\n").map((line) => line.trim())),
        ],
      },
      { title: "DESCRIPTION", parts: [text(program.about)] },
      {
        title: "SUBCOMMANDS",
        parts: program.commands.flatMap((command) => [
          term(formOf(command), sentence(command.about)),
          ...command.options.filter((option) => !isCommon(option)).map(({ flags, about }) =>
            term(`    ${flags}`, sentence(about))
          ),
        ]),
      },
      {
        title: "OPTIONS OF EVERY SUBCOMMAND",
        parts: common.map(({ flags, about }) => term(flags, sentence(about))),
      },
      {
        title: "THE JOB OF RUN",
        parts: paragraphs(RUN_NOTES),
      },
      { title: "RUN ON MANY HOSTS", parts: paragraphs(RUN_ALL_NOTES) },
      {
        title: "REST",
        parts: [
          lines(...REST_FORMS.map((form) => `${program.name} ${form}`)),
          text(REST_NOTES.trim()),
        ],
      },
      {
        title: "ENVIRONMENT",
        parts: [
          text(
            "A variable is used for an option that the line does not give, and a context where there is " +
              "neither. A context that --context names wins over variables.",
          ),
          ...Object.values(SETTINGS).map(({ variable, flags }) =>
            term(variable, `Stands in for ${flags.replace(/ .*/, "")}.`)
          ),
          ...Object.entries(REST_VARIABLES).map(([variable, about]) => term(variable, about)),
          term("NO_COLOR", "No colours on a terminal."),
        ],
      },
      {
        title: "FILES",
        parts: [
          term(
            "certs/client-cert.pem, certs/client-key.pem, certs/ca-cert.pem",
            "Your certificate, its private key, and the CA of the daemon.",
          ),
          term(
            "~/.config/job-worker/",
            "The same three files, for when certs/ has none; and contexts.json, which " +
              "`worker-cli context` writes. XDG_CONFIG_HOME may name another place than ~/.config.",
          ),
        ],
      },
      {
        title: "EXIT STATUS",
        parts: [
          text(
            "That of the job for run, wait and output: its code, or 128+n if signal n ended it.",
          ),
          term("2", "The line was not understood."),
          term("129, 130, 143", "worker-cli was hung up, or interrupted by SIGINT or SIGTERM."),
          term("141", "Nobody reads its output any more."),
          term("125", "worker-cli itself failed."),
        ],
      },
      { title: "SEE ALSO", parts: [text("worker-daemon(1)")] },
    ],
  };
}

/** Notes of the help, a paragraph for each line that a sentence ends. */
function paragraphs(notes: string): ManualPage["sections"][number]["parts"] {
  return notes.trim().split(/\.\n/).map((part) =>
    text(`${part.replaceAll("\n", " ").replace(/\.$/, "")}.`)
  );
}

function formOf({ name, usage, arguments: all }: CommandShape): string {
  const choices = all.filter(({ choices }) => choices.length > 0);
  return choices.reduce(
    (form, { name, choices }) =>
      form.replace(`<${name}>`, `(${choices.join("|")})`)
        .replace(`[${name}]`, `[${choices.join("|")}]`),
    `${name} ${usage.replace(/^\[options\] ?/, "")}`.trim(),
  );
}

function daemonPage(): ManualPage {
  return {
    name: "worker-daemon",
    version: VERSION,
    about: "run commands on this server for clients with a certificate",
    sections: [
      {
        title: "SYNOPSIS",
        parts: [lines(
          "worker-daemon [options]",
          "worker-daemon --check-config [options]",
          "worker-daemon init [options]",
          "worker-daemon user add NAME --role ROLES [--users FILE | --config FILE]",
          "worker-daemon host (add|list|remove) [options]",
          "worker-daemon join FILE [--dir=DIR]",
          "worker-daemon -h | --help | --version",
        )],
      },
      {
        title: "DESCRIPTION",
        parts: [
          text(
            "Runs any command for clients with a certificate signed by its CA, as far as their role " +
              "(admin, operator or viewer) allows. It serves gRPC over mutual TLS, and REST over HTTPS.",
          ),
          text(
            "init makes everything that a first start needs; see worker-daemon init --help. --check-config " +
              "checks whether the daemon could start; see EXIT STATUS.",
          ),
          text(
            "init --hub makes the hub of a fleet, one address for many hosts. host add makes the file by which " +
              "another host joins it, and join on that host is all. See host --help and join --help.",
          ),
          text(
            "user add adds a user of REST, or gives one another password and other roles, in the file that " +
              "--users names, or the configuration of --config. By default that is the file of the configuration: " +
              "/etc/job-worker/certs/users.htpasswd where init has set up /etc/job-worker. To remove a user, " +
              "delete the line with the name from that file. A running daemon reads it again at SIGHUP.",
          ),
        ],
      },
      {
        title: "OPTIONS",
        parts: [
          ...OPTION_ROWS.map(optionHelp).map(([form, about]) => term(form, sentence(about))),
          term(`--${CONFIG_FLAG}=<file>`, "The configuration file."),
        ],
      },
      {
        title: "CONFIGURATION FILE",
        parts: [
          text(
            "A JSON object with options by the names above, without the leading dashes. Paths in it are " +
              "relative to its own directory. An unknown option is an error. The command line takes " +
              "precedence over variables, variables over the file, and the file over the defaults in brackets.",
          ),
          lines('{ "data-dir": "/var/lib/job-worker", "log-limit": "64MiB", "gateways": 2 }'),
        ],
      },
      {
        title: "ENVIRONMENT",
        parts: [
          ...OPTION_ROWS.map(({ name, variable }) => term(variable, `Stands in for --${name}.`)),
          term(variableOf(CONFIG_FLAG), "Stands in for --config."),
          term(
            "WORKER_PASSWORD_FILE",
            "The file whose first line is the password that init and user add give to a user of REST.",
          ),
          term("WORKER_PASSWORD", "That password, if WORKER_PASSWORD_FILE is not set."),
          term(
            "WORKER_EXECUTABLE",
            "The program that the units written by init start. The portable executable sets it by itself.",
          ),
        ],
      },
      {
        title: "SIGNALS",
        parts: [
          term("SIGTERM, SIGINT", "Stop: jobs are ended and recorded as cancelled."),
          term(
            "SIGUSR2",
            "Stop, and leave the jobs to the process that holds them, the executor. A daemon that is started " +
              "on the same data directory takes them up; so does one that is started after a crash. With " +
              "--data-dir=:memory: the jobs end with the daemon. Under a service manager, jobs that would not " +
              "outlive the service are ended as by SIGTERM.",
          ),
          term(
            "SIGHUP",
            "Read certificates, users and the file of --job-user-map again. Jobs and their followers do not notice.",
          ),
        ],
      },
      {
        title: "FILES",
        parts: [
          term(
            "./job-worker.json, /etc/job-worker/job-worker.json",
            "The configuration, unless --config names another file: the first of these that exists.",
          ),
          term(
            "/var/lib/job-worker",
            "The data of a daemon that was set up in /etc/job-worker. In each data directory are:",
          ),
          ...DATA_FILES.map(([names, about]) => term(`    ${names}`, about)),
          term(
            `${defaultOf("job-homes")}/UID/ID`,
            "The home of a job that runs with --job-uids, unless --job-homes names another directory.",
          ),
        ],
      },
      {
        title: "EXIT STATUS",
        parts: EXIT_STATUS_TEXTS.map(([status, text]) => term(`${status}`, sentence(text))),
      },
      { title: "SEE ALSO", parts: [text("worker-cli(1)")] },
    ],
  };
}

function defaultOf(option: string): string {
  const row = OPTION_ROWS.find(({ name }) => name === option);
  if (row === undefined) throw new TypeError(`Cannot find the default: no option "${option}"`);
  return row.default;
}

function sentence(about: string): string {
  return `${about.charAt(0).toUpperCase()}${about.slice(1)}.`.replace(/([.:;])\.$/, "$1");
}

/** What is in a data directory. */
const DATA_FILES: readonly (readonly [names: string, about: string])[] = [
  [`${DATABASE}, ${DATABASE}-wal`, "The records of jobs."],
  [`${LOGS}/ID/`, "The log of a job."],
  [
    `${AUDIT_TRAIL}, ${AUDIT_TRAIL}.TIME`,
    "A line of JSON for each decision; and the same until a time, when another file was begun.",
  ],
  [ENGINE_SOCKET, "Where gateways reach the daemon."],
  [
    "executor.N.sock, executor.N.err",
    "Where the daemon reaches a process that holds jobs, N being 0 to 3; and what that process has said " +
    "on standard error.",
  ],
  [
    `${OUTCOMES}/ID.json`,
    "How a job ended while there was no daemon, until the next one has recorded it.",
  ],
];

/** Where the pages are kept. */
export const MANUAL_DIRECTORY: URL = new URL("../deploy/man/", import.meta.url);
