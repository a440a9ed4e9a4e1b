/**
 * The forms of the command line that use REST: `--health`, `--start`, `--stop` and `--status`.
 *
 * @module
 */

import { parseArgs, type ParseArgsConfig } from "node:util";
import { quoted } from "../text/quoted.ts";
import { usageFault } from "../text/usage_fault.ts";
import { invalidArgument, JobWorkerError, messageOf } from "../errors.ts";
import { isJobId } from "../ids.ts";
import type { OptionShape } from "./command_shape.ts";
import type { Environment } from "./environment.ts";
import type { Parsed, RestCall, RestVerb } from "./invocation.ts";
import { readSettings, type Setting, SETTINGS } from "./settings.ts";
import { type UserDirectory, withContext } from "./user_directory.ts";
import { parseAddress } from "./values.ts";

/** These forms and their options, for the help. */
export const REST_FORMS = [
  "[options] --health | --start -- <command>...",
  "[options] --stop <jobId> | --status <jobId>",
] as const;

export const REST_NOTES = `
The forms with --health, --start, --stop and --status use REST: they take
--rest-address [0.0.0.0:8443], --user, --password-file, --ca, --json and
--debug, or WORKER_REST_ADDRESS, WORKER_USER and so on. Without a password file,
the password is that in WORKER_PASSWORD, or worker-cli asks for it.`;

/** The variables of these forms only. */
export const REST_VARIABLES: Readonly<Record<string, string>> = {
  WORKER_REST_ADDRESS: "Stands in for --rest-address.",
  WORKER_USER: "Stands in for --user with REST.",
  WORKER_PASSWORD_FILE: "Stands in for --password-file.",
  WORKER_PASSWORD: "The password for REST, if there is no password file.",
};

const FORMS = {
  health: { type: "boolean" },
  start: { type: "boolean" },
  stop: { type: "string" },
  status: { type: "string" },
} as const;

const OPTIONS = {
  "rest-address": { type: "string" },
  user: { type: "string" },
  "password-file": { type: "string" },
  ca: { type: "string" },
  context: { type: "string" },
  json: { type: "boolean" },
  debug: { type: "boolean" },
  "no-color": { type: "boolean" },
} as const;

/** The options of these forms that no subcommand has, for completions. */
export const REST_SHAPES: readonly OptionShape[] = ([
  ["health", "check over REST whether the daemon is serving"],
  ["start", "start a job over REST"],
  ["stop", "stop a job over REST"],
  ["status", "show the status of a job over REST"],
  ["rest-address", "host:port of the daemon's REST API"],
  ["user", "your user name for REST"],
  ["password-file", "the file whose first line is your password for REST"],
] as const).map(([name, about]) => {
  const takesValue = { ...FORMS, ...OPTIONS }[name].type === "string";
  return { flags: `--${name}`, long: `--${name}`, short: "", about, takesValue };
});

/**
 * Parses a command line that has one of these forms.
 *
 * @returns `null` for any other line
 */
export function parseRest(
  args: readonly string[],
  variables: Environment,
  directory: UserDirectory,
): Parsed | null {
  if (!isRest(args)) return null;
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...FORMS, ...OPTIONS },
      allowPositionals: true,
    });
    const call = callOf(values, positionals);
    const environment = withContext(variables, directory, values.context);
    const { ca, json, debug } = values;
    const settings = readSettings({
      ...(ca !== undefined && { ca }),
      ...(json !== undefined && { json }),
      ...(debug !== undefined && { debug }),
      ...(values["no-color"] === true && { color: false }),
    }, environment);
    const verb: RestVerb = {
      kind: "rest",
      call,
      address: addressOf(values["rest-address"], environment),
      user: values.user ?? environment("WORKER_USER") ?? "",
      passwordFile: values["password-file"] ?? environment("WORKER_PASSWORD_FILE") ?? "",
    };
    return { kind: "invocation", invocation: { settings, verb } };
  } catch (error) {
    if (!(error instanceof JobWorkerError || error instanceof TypeError)) throw error;
    return { kind: "usage_error", message: `${usageFault(error)}\nSee: worker-cli --help` };
  }
}

/** Whether a form comes before any subcommand and before `--`. */
function isRest(args: readonly string[]): boolean {
  const known: ParseArgsConfig["options"] = { ...FORMS, ...OPTIONS };
  for (const { flags } of Object.values<Setting>(SETTINGS)) {
    const [, name = "", value] = /^--(\S+)( <)?/.exec(flags) ?? [];
    known[name] = { type: value === undefined ? "boolean" : "string" };
  }
  const { tokens } = parseArgs({ args: [...args], options: known, strict: false, tokens: true });
  const first = tokens.find((token) => token.kind !== "option" || Object.hasOwn(FORMS, token.name));
  return first?.kind === "option";
}

function callOf(
  values: Readonly<Partial<Record<keyof typeof FORMS, string | boolean>>>,
  positionals: readonly string[],
): RestCall {
  const [form, ...others] = Object.keys(FORMS).filter((name) => Object.hasOwn(values, name));
  if (others.length > 0) {
    throw invalidArgument(`--${form} and --${others[0]} cannot be used together`);
  }
  const [command, ...args] = positionals;
  if (form === "start") {
    if (command === undefined) {
      throw invalidArgument("--start needs a command: --start -- <command>...");
    }
    return { kind: "start", command, args };
  }
  if (command !== undefined) {
    throw invalidArgument(`--${form} does not take ${JSON.stringify(command)}`);
  }
  if (form !== "stop" && form !== "status") return { kind: "health" };
  const jobId = String(values[form]).toLowerCase();
  if (isJobId(jobId)) return { kind: form, jobId };
  throw invalidArgument(
    `--${form} ${quoted(jobId)}: must be the full id of a job, ` +
      "such as 01890a5d-ac96-774b-bcce-b302099a8057",
  );
}

function addressOf(given: string | undefined, environment: Environment): string {
  const [source, text] = given !== undefined
    ? ["--rest-address", given]
    : ["WORKER_REST_ADDRESS", environment("WORKER_REST_ADDRESS") || "0.0.0.0:8443"];
  try {
    return parseAddress(text);
  } catch (error) {
    throw invalidArgument(`${source}: ${messageOf(error)}`);
  }
}
