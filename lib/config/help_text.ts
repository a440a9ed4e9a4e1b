import { CHECK_FLAG, CONFIG_FLAG } from "./command_line.ts";
import { OPTION_ROWS, variableOf } from "./options.ts";

/** The text of `--help`. */
export function helpText(): string {
  const rows = [
    ...OPTION_ROWS.map(({ name, placeholder, about, default: byDefault }) =>
      placeholder === null
        ? [`--${name}`, about] as const
        : [`--${name}=<${placeholder}>`, `${about} [${byDefault}]`] as const
    ),
    [`--${CONFIG_FLAG}=<file>`, "read options from a JSON file, by the names above"] as const,
    [
      `--${CHECK_FLAG}`,
      "check whether the daemon could start with these options, and exit",
    ] as const,
  ];
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return [
    "worker-daemon: runs commands on this server for clients with a certificate",
    "",
    "Usage: worker-daemon [options]",
    "       worker-daemon init [--help]",
    "       worker-daemon user add NAME --role ROLES",
    "       worker-daemon -h | --help | --version",
    "",
    "Options:",
    ...rows.map(([flag, about]) => `  ${flag.padEnd(width)}  ${about}`),
    "",
    `Each option can also be set by a variable: ${variableOf("data-dir")} for --data-dir, and`,
    `${variableOf(CONFIG_FLAG)} for --config.`,
    "The command line takes precedence over variables, these over the file, and that over the defaults in",
    "brackets. Without --config the file is ./job-worker.json or /etc/job-worker/job-worker.json, if there",
    "is one.",
    "",
    "On SIGTERM or SIGINT the daemon shuts down: jobs are killed and recorded as cancelled.",
    "Exit status: 0 stopped, or all is good; 1 may pass; 2 wrong options; 78 must be mended before a start.",
    "",
  ].join("\n");
}
