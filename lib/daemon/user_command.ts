import { parseArgs } from "node:util";
import { type Role, ROLES } from "../auth/identity.ts";
import { parseRoles } from "../auth/password_file.ts";
import { setPassword } from "../auth/password_file_edit.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { usageFault } from "../text/usage_fault.ts";
import { loadOptions } from "../config/config_file.ts";
import { givenPassword } from "./given_password.ts";

const USAGE = `Usage: worker-daemon user add NAME --role ROLES [--users FILE] [--password-file FILE]

Gives a user of the REST API a password, the first line of that file or of WORKER_PASSWORD_FILE, or
WORKER_PASSWORD, or else asked for; and roles: admin, operator, viewer, or
several by commas. The user is new, or gets another password and other roles. Without --users the
file is the one of the daemon's configuration. To remove a user, delete the line that begins with the
name in that file. A daemon that runs notices after a SIGHUP.
`;

/** What it needs from the process. */
export interface UserCommandProcess {
  readonly environment: (name: string) => string | undefined;
  readonly print: (text: string) => void;
  readonly askNewPassword: (question: string) => Promise<string>;
}

/**
 * Adds a user to the users file, or changes one.
 *
 * @param args what follows the command's word
 * @throws {JobWorkerError} `invalid_argument`, or `failed_precondition` for a file that is no good
 */
export async function editUsers(
  args: readonly string[],
  { environment, print, askNewPassword }: UserCommandProcess,
): Promise<void> {
  const line = await parseUserCommand(args, environment);
  if (line === null) {
    print(USAGE);
    return;
  }
  const { path, user, roles, passwordFile } = line;
  const password = await givenPassword(environment, passwordFile) ??
    await askNewPassword(`Password for ${user}: `);
  const isNew = await setPassword(path, user, { password, roles });
  print(
    `${isNew ? "Added" : "Changed"} ${user} in ${path}; a daemon that runs reads it at SIGHUP\n`,
  );
}

/** A line that was understood. */
export interface UserCommand {
  /** Of the users file, as the daemon would find it. */
  readonly path: string;
  readonly user: string;
  readonly roles: readonly Role[];
  /** Whose first line is the password, if the line names one. */
  readonly passwordFile: string | undefined;
}

/**
 * Reads the line.
 *
 * @returns `null` if it asks for help
 * @throws {JobWorkerError} `invalid_argument`
 */
export async function parseUserCommand(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<UserCommand | null> {
  const { values, positionals } = parseLine(args);
  if (values.help === true) return null;
  const [verb, user, ...rest] = positionals;
  if (verb === undefined) throw misuse("An action is missing; there is only add");
  if (verb !== "add") {
    const removing = "; to remove a user, delete the line with the name in the users file";
    const advice = /^(del|rem|rm)/.test(verb) ? removing : "";
    throw misuse(`Unknown action ${JSON.stringify(verb)}; there is only add${advice}`);
  }
  if (user === undefined) throw misuse("The name of the user is missing");
  if (rest.length > 0) throw misuse(`Unexpected argument ${JSON.stringify(rest[0])}`);
  if (values.role === undefined) {
    throw misuse(`--role is missing; give ${ROLES.join(", ")}, or several by commas`);
  }
  const flags = values.users === undefined ? [] : [`--users=${values.users}`];
  const invocation = await loadOptions(flags, environment);
  if (!("options" in invocation)) throw new TypeError("No question was asked");
  const passwordFile = values["password-file"];
  return { path: invocation.options.users, user, roles: rolesOf(values.role), passwordFile };
}

function parseLine(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        role: { type: "string" },
        users: { type: "string" },
        "password-file": { type: "string" },
      },
    });
  } catch (error) {
    throw misuse(usageFault(error));
  }
}

function misuse(what: string): JobWorkerError {
  return new JobWorkerError("invalid_argument", `${what}\n${USAGE}`);
}

function rolesOf(text: string): readonly Role[] {
  try {
    return parseRoles(text);
  } catch (error) {
    throw new JobWorkerError("invalid_argument", `--role: ${messageOf(error)}`);
  }
}
