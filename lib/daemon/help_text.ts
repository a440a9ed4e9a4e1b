import { CHECK_FLAG, CONFIG_FLAG, OPTION_ROWS, variableOf } from "./options.ts";

/** The text of `--help`. */
export function helpText(): string {
  const rows = [
    ...OPTION_ROWS.map(({ name, placeholder, about, standard }) =>
      placeholder === null
        ? [`--${name}`, about] as const
        : [`--${name}=<${placeholder}>`, `${about} [${standard}]`] as const
    ),
    [`${CONFIG_FLAG}=<file>`, "options in JSON, by the names above"] as const,
    [CHECK_FLAG, "say whether the daemon could start so, and exit"] as const,
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
    `Each option may also be given as a variable: ${variableOf("dataDir")} for --data-dir, and`,
    `${variableOf("config")} for --config.`,
    "The command line wins over a variable, that over the file, that over the default in brackets.",
    "The file is ./job-worker.json or /etc/job-worker/job-worker.json, if there is one.",
    "",
    "It stops at SIGTERM or SIGINT: jobs are killed and recorded as cancelled.",
    "",
  ].join("\n");
}
