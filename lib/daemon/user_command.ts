import { type Role, ROLES } from "../auth/identity.ts";
import { parseRoles } from "../auth/password_file.ts";
import { checkUsersFile, setPassword } from "../auth/password_file_edit.ts";
import { invalidArgument, type JobWorkerError, messageOf } from "../errors.ts";
import { asksForHelp, parseLine } from "../text/parse_line.ts";
import { loadOptions } from "../config/config_file.ts";
import { givenPassword } from "./given_password.ts";

const USAGE = `Usage: worker-daemon user add NAME --role ROLES [--users FILE | --config FILE]
                              [--password-file FILE]

Adds a user of the REST API, or gives one another password and other roles. The roles are admin,
operator or viewer, or several separated by commas. The password is the first line of the password
file or of WORKER_PASSWORD_FILE, or WORKER_PASSWORD; without any of these you are asked for it.
Without --users the file is that of the daemon's configuration, which --config names if it is not in
its usual place. To remove a user, delete the line with the name from that file. A running daemon
reads the file again at SIGHUP.
`;

/** What {@linkcode editUsers} needs from the process. */
export interface UserCommandProcess {
  readonly environment: (name: string) => string | undefined;
  readonly print: (text: string) => void;
  readonly askNewPassword: (question: string) => Promise<string>;
}

/**
 * Adds a user to the users file, or changes one.
 *
 * @param args what follows the word `user`
 * @throws {JobWorkerError} `invalid_argument`, or `failed_precondition` for a file that cannot be used
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
  await checkUsersFile(path, user);
  const password = await givenPassword(environment, passwordFile) ??
    await askNewPassword(`Password for ${user}: `);
  const isNew = await setPassword(path, user, { password, roles });
  print(`${isNew ? "Added" : "Changed"} ${user} in ${path}; a running daemon reads it at SIGHUP\n`);
}

const FLAGS = {
  help: { type: "boolean" },
  role: { type: "string" },
  users: { type: "string" },
  config: { type: "string" },
  "password-file": { type: "string" },
} as const;

/** A valid command line. */
export interface UserCommand {
  /** The path of the users file, as the daemon would find it. */
  readonly path: string;
  readonly user: string;
  readonly roles: readonly Role[];
  /** The file whose first line is the password, if the command line names one. */
  readonly passwordFile: string | undefined;
}

/**
 * Reads what follows the word `user`.
 *
 * @returns `null` if it asks for help
 * @throws {JobWorkerError} `invalid_argument`
 */
export async function parseUserCommand(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<UserCommand | null> {
  if (asksForHelp(args)) return null;
  const { values, positionals } = parseLine(
    { args: [...args], allowPositionals: true, options: FLAGS },
    `\n${USAGE}`,
  );
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
  const flags = (["users", "config"] as const).flatMap((name) =>
    values[name] === undefined ? [] : [`--${name}=${values[name]}`]
  );
  const invocation = await loadOptions(flags, environment);
  if (!("options" in invocation)) throw new TypeError("No question was asked");
  const passwordFile = values["password-file"];
  return { path: invocation.options.users, user, roles: rolesOf(values.role), passwordFile };
}

function misuse(what: string): JobWorkerError {
  return invalidArgument(`${what}\n${USAGE}`);
}

function rolesOf(text: string): readonly Role[] {
  try {
    return parseRoles(text);
  } catch (error) {
    throw invalidArgument(`--role: ${messageOf(error)}`);
  }
}
