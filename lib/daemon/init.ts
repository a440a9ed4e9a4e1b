import { hostname } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import serviceUnit from "../../deploy/worker-daemon.service" with { type: "text" };
import jobsUnit from "../../deploy/worker-daemon-jobs.service" with { type: "text" };
import socketUnit from "../../deploy/worker-daemon.socket" with { type: "text" };
import { makeCertificates } from "../auth/certificates.ts";
import { setPassword } from "../auth/password_file_edit.ts";
import { failedPrecondition, JobWorkerError, pathFaultOf } from "../errors.ts";
import { flushDirectory } from "../files/flush.ts";
import { createFile, replaceFile } from "../files/replace_file.ts";
import { asksForHelp, parseLine } from "../text/parse_line.ts";
import { CONFIG_NAME, SYSTEM_DIRECTORY } from "../config/config_file.ts";
import { ADD_GATEWAY_USER, GATEWAY_USER } from "./users/gateway_user.ts";
import { givenPassword } from "./given_password.ts";

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
    ...systemd === null ? [] : [
      {
        name: SERVICE,
        about: `its unit for systemd, for ${systemd === "user" ? "your own user" : "the system"}`,
        text: serviceText(options, environment),
      },
      { name: JOBS, about: "keeps the jobs while it restarts", text: jobsUnit },
      { name: SOCKET, about: "keeps its ports open while it restarts", text: socketUnit },
    ],
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
    await write(join(directory, name), text, force);
    made.push([join(directory, name), about]);
  }
  return report(options, made, users);
}

const SERVICE = "worker-daemon.service";
const SOCKET = "worker-daemon.socket";
const JOBS = "worker-daemon-jobs.service";
/** What the unit in `deploy/` starts. */
const INSTALLED = "/usr/local/bin/worker-daemon";
/** Relative to the directory. */
const USERS = "certs/users.htpasswd";
const CONFIG = {
  cert: "certs/server-cert.pem",
  key: "certs/server-key.pem",
  ca: "certs/ca-cert.pem",
  users: USERS,
};

interface NewFile {
  readonly name: string;
  readonly about: string;
  readonly text: string;
}

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

function serviceText(
  { directory, systemd, jobUser }: InitOptions,
  environment: (name: string) => string | undefined,
): string {
  // The portable executable sets the variable, because the runtime that it unpacks is another program.
  const program = environment("WORKER_EXECUTABLE") ??
    (Deno.build.standalone ? Deno.execPath() : INSTALLED);
  const config = `--config=${join(directory, CONFIG_NAME)}`;
  const words = directory === SYSTEM_DIRECTORY ? [program] : [program, config];
  const unit = systemd === "user"
    ? userUnit(serviceUnit)
    // Its bounds are for daemons whose jobs are all of unprivileged users.
    : jobUser === "root"
    ? without(serviceUnit, /^CapabilityBoundingSet=/m)
    : serviceUnit;
  return unit.replaceAll(`=${INSTALLED}`, () => `=${words.map(unitWord).join(" ")}`);
}

/**
 * The unit of the system as the unit of a user: without what only root may set, and without targets that do not
 * exist there. The configuration says where the data is; `StateDirectory=` would be the directory of the
 * client's settings, `~/.config/job-worker`.
 */
function userUnit(unit: string): string {
  return without(unit, /^(StateDirectory|OOMScoreAdjust|CapabilityBoundingSet)=/m)
    .replace(/^Wants=.*$/m, `Wants=${SOCKET}`)
    .replace(/^After=.*$/m, `After=${SOCKET} ${JOBS}`)
    .replace(/^WantedBy=.*$/m, "WantedBy=default.target");
}

/** The unit without the paragraphs that match. */
function without(unit: string, pattern: RegExp): string {
  return unit.split("\n\n").filter((paragraph) => !pattern.test(paragraph)).join("\n\n");
}

/** A word of a command line as systemd.service(5) reads it. */
function unitWord(word: string): string {
  const text = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w./=@:+-]+$/.test(text) ? text : `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

async function checkNew(
  directory: string,
  files: readonly NewFile[],
  force: boolean,
): Promise<void> {
  if (force) return;
  for (const { name } of files) {
    const path = join(directory, name);
    const isThere = await Deno.lstat(path).then(() => true, () => false);
    if (!isThere) continue;
    throw new JobWorkerError(
      "already_exists",
      `Cannot make "${path}": it exists; use --force to replace it and every certificate`,
    );
  }
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode }).catch((error) => {
    const denied = error instanceof Deno.errors.PermissionDenied;
    const remedy = denied ? "; run it as root, or choose another with --dir" : "";
    throw failedPrecondition(
      `Cannot make the directory "${path}": ${pathFaultOf(error)}${remedy}`,
      error,
    );
  });
}

async function write(path: string, text: string, force: boolean): Promise<void> {
  try {
    // Replaces what is there, without following a link that somebody has put there.
    if (force) return await replaceFile(path, text, { mode: 0o644 });
    await createFile(path, text, 0o644);
    await flushDirectory(dirname(path));
  } catch (error) {
    throw failedPrecondition(`Cannot write "${path}": ${pathFaultOf(error)}`, error);
  }
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
  const units = [JOBS, SOCKET, SERVICE].map((name) => join(directory, name)).join(" ");
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
