import { hostname } from "node:os";
import { join, relative, resolve } from "node:path";
import { makeCertificates } from "../auth/certificates.ts";
import { setPassword } from "../auth/password_file_edit.ts";
import { asksForHelp, parseLine } from "../text/parse_line.ts";
import { CONFIG_NAME, SYSTEM_DIRECTORY } from "../config/config_file.ts";
import { ADD_GATEWAY_USER, GATEWAY_USER } from "./users/gateway_user.ts";
import { givenPassword } from "./given_password.ts";
import { checkNew, makeDirectory, type NewFile, writeNew } from "./new_files.ts";
import { unitFiles, unitPaths } from "./units.ts";

const USAGE = `Usage: worker-daemon init [--dir=<dir>] [--host=<name>]... [options]

Makes everything that a first start needs: a CA, certificates for the server and three clients, the
data directory, and ${CONFIG_NAME}, which says where they are.

Options:
  --dir=<dir>        where to make it [.]; a daemon finds ${SYSTEM_DIRECTORY} by itself, and its data
                     is then in /var/lib/job-worker
  --host=<name>      a name or address by which clients reach this server; repeatable
  --user=<name>      a user of the REST API, an admin; the password is the first line of the file that
                     WORKER_PASSWORD_FILE names, or WORKER_PASSWORD, or else a random one
  --job-user=<name>  the user that jobs run as if the daemon runs as root [job-worker, else nobody]
  --systemd          also write units for systemd, for your own user unless you are root; they start
                     the program that WORKER_EXECUTABLE names, or this one
  --system           write units for the system even if you are not root
  --force            replace what is there: every certificate that the old CA signed becomes invalid
`;

/** What the command line of {@linkcode init} says. */
export interface InitOptions {
  /** Absolute. */
  readonly directory: string;
  readonly hosts: readonly string[];
  readonly user: string | null;
  readonly jobUser: string | null;
  /** Whose units to write; `null`: none. */
  readonly systemd: "system" | "user" | null;
  readonly force: boolean;
}

/**
 * Reads what follows the word `init`.
 *
 * @returns `null` if it asks for help
 * @throws {JobWorkerError} `invalid_argument`
 */
export function parseInit(args: readonly string[]): InitOptions | null {
  if (asksForHelp(args)) return null;
  const { values } = parseLine({
    args: [...args],
    options: {
      help: { type: "boolean" },
      dir: { type: "string", default: "." },
      host: { type: "string", multiple: true, default: [] },
      user: { type: "string" },
      "job-user": { type: "string" },
      systemd: { type: "boolean", default: false },
      system: { type: "boolean", default: Deno.uid() === 0 },
      force: { type: "boolean", default: false },
    },
  }, ": see init --help");
  return {
    directory: resolve(values.dir),
    hosts: values.host,
    user: values.user ?? null,
    jobUser: values["job-user"] ?? null,
    systemd: !values.systemd ? null : values.system ? "system" : "user",
    force: values.force,
  };
}

/** The data directory of an installation in this directory. */
export function dataDirectoryOf(directory: string): string {
  return directory === SYSTEM_DIRECTORY ? "/var/lib/job-worker" : join(directory, "data");
}

/**
 * Makes what a first start needs.
 *
 * @param args what follows the word `init`
 * @returns what was made and what to do next, to be printed
 * @throws {JobWorkerError} `already_exists` if a file exists and `--force` is not given, in which case
 * nothing was made; `failed_precondition` if one cannot be written
 */
export async function init(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<string> {
  const options = parseInit(args);
  if (options === null) return USAGE;
  const { directory, hosts, systemd, force } = options;
  const users = await systemUsers();
  const data = dataDirectoryOf(directory);
  const files: readonly NewFile[] = [
    {
      name: CONFIG_NAME,
      about: "the configuration",
      text: configText(directory, jobUserOf(options, users)),
    },
    ...systemd === null ? [] : unitFiles({ ...options, systemd }, environment),
  ];
  await checkNew(directory, files, force);
  const made: [path: string, about: string][] = [];
  await makeDirectory(directory, 0o755);
  const certificates = await makeCertificates(join(directory, "certs"), {
    hosts: [hostname(), ...hosts],
    force,
  });
  for (const { path, content } of certificates) made.push([path, content]);
  if (options.user !== null) {
    made.push(await addUser(join(directory, USERS), options.user, environment));
  }
  await makeDirectory(data, 0o700);
  made.push([data, "where jobs, their logs and the audit trail will be"]);
  for (const { name, about, text } of files) {
    await writeNew(join(directory, name), text, force);
    made.push([join(directory, name), about]);
  }
  return report(options, made, users);
}

/** Relative to the directory. */
const USERS = "certs/users.htpasswd";
const CONFIG = {
  cert: "certs/server-cert.pem",
  key: "certs/server-key.pem",
  ca: "certs/ca-cert.pem",
  users: USERS,
};

function configText(directory: string, jobUser: string | null): string {
  const data = dataDirectoryOf(directory);
  const config = {
    address: "0.0.0.0:8080",
    ...CONFIG,
    "data-dir": directory === SYSTEM_DIRECTORY ? data : relative(directory, data),
    ...jobUser !== null && { "job-user": jobUser },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** A daemon that runs as root must be told which user jobs run as. */
function jobUserOf(options: InitOptions, users: ReadonlySet<string>): string | null {
  if (options.jobUser !== null || !isForRoot(options)) return options.jobUser;
  return users.has("job-worker") ? "job-worker" : "nobody";
}

/** Whether the daemon will run as root, as far as can be told. */
function isForRoot({ systemd }: InitOptions): boolean {
  return Deno.uid() === 0 || systemd === "system";
}

/** The names of the users of this machine, but for those of a directory service. */
async function systemUsers(): Promise<ReadonlySet<string>> {
  const users = await Deno.readTextFile("/etc/passwd").catch(() => "");
  return new Set(users.split("\n").map((line) => line.replace(/:.*/, "")));
}

async function addUser(
  path: string,
  user: string,
  environment: (name: string) => string | undefined,
): Promise<[path: string, about: string]> {
  const given = await givenPassword(environment);
  const password = given ?? madeUpPassword();
  await setPassword(path, user, { password, roles: ["admin"] });
  const shown = given === null ? `, whose password is ${password} (shown this once)` : "";
  return [path, `the REST user "${user}", an admin${shown}`];
}

/** 120 random bits, as letters and digits that a double click selects. */
function madeUpPassword(): string {
  return crypto.getRandomValues(new Uint8Array(15)).toBase64({ alphabet: "base64url" })
    .replace(/[-_]/g, "0");
}

function report(
  options: InitOptions,
  made: readonly [path: string, about: string][],
  users: ReadonlySet<string>,
): string {
  const { directory, systemd } = options;
  const width = Math.max(...made.map(([path]) => path.length));
  const config = join(directory, CONFIG_NAME);
  const isFound = directory === SYSTEM_DIRECTORY || directory === resolve(".");
  const units = unitPaths(directory).join(" ");
  const next = systemd === null
    ? [`worker-daemon${isFound ? "" : ` --config=${config}`}`]
    : systemd === "system"
    ? [`systemctl enable --now ${units}`]
    : [
      `systemctl --user enable --now ${units}`,
      "loginctl enable-linger    so that it starts at boot, and goes on after you log out",
    ];
  return [
    ...made.map(([path, about]) => `${path.padEnd(width)}  ${about}`),
    "",
    ...next.map((line, index) => `${index === 0 ? "Next:" : "     "} ${line}`),
    ...!isForRoot(options) || users.has(GATEWAY_USER) ? [] : [
      "The gateway, which faces the network, will run as root unless there is a user for it:",
      `  ${ADD_GATEWAY_USER}`,
    ],
    "Each client needs ca-cert.pem in ~/.config/job-worker/, and there as client-cert.pem and",
    "client-key.pem its own pair: that of client, operator or viewer. Keep ca-key.pem in a safe",
    "place, not here: whoever has it can make certificates for any user.",
    "",
  ].join("\n");
}
