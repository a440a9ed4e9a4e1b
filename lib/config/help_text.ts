import { CHECK_FLAG, CONFIG_FLAG } from "./command_line.ts";
import { EXIT_STATUS_TEXTS } from "./exit_status.ts";
import { OPTION_ROWS, type OptionRow, variableOf } from "./options.ts";

/** How an option is written, and what it does. */
export function optionHelp(
  { name, placeholder, about, default: byDefault }: OptionRow,
): readonly [form: string, about: string] {
  if (placeholder === null) return [`--${name}`, about];
  return [`--${name}=<${placeholder}>`, byDefault === "" ? about : `${about} [${byDefault}]`];
}

/** The text of `--help`. */
export function helpText(): string {
  const rows = [
    ...OPTION_ROWS.map(optionHelp),
    [`--${CONFIG_FLAG}=<file>`, "read options from a JSON file, by the names above"] as const,
    [
      `--${CHECK_FLAG}`,
      "check whether the daemon could start with these options, and exit",
    ] as const,
  ];
  const width = Math.max(...rows.map(([form]) => form.length));
  return [
    "worker-daemon: runs commands on this server for clients with a certificate",
    "",
    "Usage: worker-daemon [options]",
    "       worker-daemon init [--help]",
    "       worker-daemon user add NAME --role ROLES",
    "       worker-daemon host (add|list|remove) [--help]",
    "       worker-daemon join FILE",
    "       worker-daemon -h | --help | --version",
    "",
    "Options:",
    ...rows.map(([form, about]) => `  ${form.padEnd(width)}  ${about}`),
    "",
    `Each option can also be set by a variable: ${variableOf("data-dir")} for --data-dir, and`,
    `${variableOf(CONFIG_FLAG)} for --config. The command line takes precedence over variables,`,
    "variables over the configuration file, and the file over the defaults in brackets. Without",
    "--config the file is ./job-worker.json or /etc/job-worker/job-worker.json, if there is one.",
    "",
    "On SIGTERM or SIGINT the daemon shuts down: jobs are killed and recorded as cancelled. On SIGUSR2",
    "it ends without its jobs: they go on, and the next daemon takes them up. SIGHUP has it read its",
    "certificates, users and --job-user-map again.",
    "",
    "Exit status:",
    ...EXIT_STATUS_TEXTS.map(([status, text]) => `  ${String(status).padEnd(2)}  ${text}`),
    "",
  ].join("\n");
}
