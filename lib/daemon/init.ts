import { hostname } from "node:os";
import { join, relative, resolve } from "node:path";
import { makeCertificates } from "../auth/certificates.ts";
import { invalidArgument } from "../errors.ts";
import { setPassword } from "../auth/password_file_edit.ts";
import { asksForHelp, parseLine } from "../text/parse_line.ts";
import { CONFIG_NAME, SYSTEM_DIRECTORY } from "../config/config_file.ts";
import { ADD_GATEWAY_USER, GATEWAY_USER } from "./users/gateway_user.ts";
import { givenPassword } from "./given_password.ts";
import { FLEET_DIRECTORY, FLEET_FILES } from "../fleet/fleet_files.ts";
import { checkHub, type HubOptions, makeHub, natsCommand, parseHubFlags } from "./init_hub.ts";
import { checkNew, isThere, makeDirectory, type NewFile, writeNew } from "./new_files.ts";
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

With --hub it makes what the hub of a fleet needs: one address for many hosts, see docs/fleet.md. It
uses the CA in the directory if there is one, and --force leaves that and the hosts as they are.

  --hub              make a hub, which runs no jobs itself, and the configuration of its nats-server
  --fleet=<name>     the name of the fleet, 1 to 32 of a-z, 0-9 and - [main]
  --nats=<host:port> where the hub and the hosts reach nats-server; repeatable
                     [the first --host, port 4222]
  --ca-key=<file>    the private key of the CA, if it is not in the directory
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
  /** The fleet to make a hub for; `null`: none. */
  readonly hub: HubOptions | null;
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
      hub: { type: "boolean", default: false },
      fleet: { type: "string" },
      nats: { type: "string", multiple: true, default: [] },
      "ca-key": { type: "string" },
    },
  }, ": see init --help");
  const hub = parseHubFlags(values, values.host);
  if (hub !== null && values["job-user"] !== undefined) {
    throw invalidArgument("--job-user does not go with --hub: a hub runs no jobs");
  }
  return {
    directory: resolve(values.dir),
    hosts: values.host,
    user: values.user ?? null,
    jobUser: values["job-user"] ?? null,
    systemd: !values.systemd ? null : values.system ? "system" : "user",
    force: values.force,
    hub,
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
  const { directory, hosts, systemd, force, hub } = options;
  const users = await systemUsers();
  const data = dataDirectoryOf(directory);
  const files: readonly NewFile[] = [
    {
      name: CONFIG_NAME,
      about: "the configuration",
      text: configText(options, users),
    },
    ...systemd === null ? [] : unitFiles({ ...options, isHub: hub !== null, systemd }, environment),
  ];
  const remedy = "use --force to replace it and every certificate";
  if (hub === null) await checkNew(directory, files.map(({ name }) => name), { force, remedy });
  else await checkHub({ ...options, ...hub }, files);
  const made: [path: string, about: string][] = [];
  await makeDirectory(directory, 0o755);
  const hadCa = hub !== null && await isThere(join(directory, CONFIG.ca));
  if (!hadCa) {
    const certificates = await makeCertificates(join(directory, "certs"), {
      hosts: [hostname(), ...hosts],
      force,
    });
    for (const { path, content } of certificates) made.push([path, content]);
  }
  if (hub !== null) made.push(...await makeHub({ ...options, ...hub, hadCa }));
  if (options.user !== null) {
    made.push(await addUser(join(directory, USERS), options.user, environment));
  }
  await makeDirectory(data, 0o700);
  const kept = hub === null ? "jobs, their logs" : "what is known of jobs";
  made.push([data, `where ${kept} and the audit trail will be`]);
  for (const { name, about, text } of files) {
    await writeNew(join(directory, name), text, { mode: 0o644, force });
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

function configText(options: InitOptions, users: ReadonlySet<string>): string {
  const { directory, hub } = options;
  const data = dataDirectoryOf(directory);
  const jobUser = jobUserOf(options, users);
  const config = {
    address: "0.0.0.0:8080",
    ...CONFIG,
    "data-dir": directory === SYSTEM_DIRECTORY ? data : relative(directory, data),
    ...jobUser !== null && { "job-user": jobUser },
    ...hub !== null && { hub: true, fleet: `${FLEET_DIRECTORY}/${FLEET_FILES.settings}` },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** A daemon that runs as root must be told which user jobs run as. */
function jobUserOf(options: InitOptions, users: ReadonlySet<string>): string | null {
  if (options.hub !== null) return null;
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
  const { hub } = options;
  const width = Math.max(...made.map(([path]) => path.length));
  return [
    ...made.map(([path, about]) => `${path.padEnd(width)}  ${about}`),
    "",
    ...nextSteps(options).map((line, index) => `${index === 0 ? "Next:" : "     "} ${line}`),
    ...!isForRoot(options) || users.has(GATEWAY_USER) ? [] : [
      "The gateway, which faces the network, will run as root unless there is a user for it:",
      `  ${ADD_GATEWAY_USER}`,
    ],
    "Each client needs ca-cert.pem in ~/.config/job-worker/, and there as client-cert.pem and",
    "client-key.pem its own pair: that of client, operator or viewer. Keep ca-key.pem in a safe",
    "place, not here: whoever has it can make certificates for any user.",
    ...hub === null ? [] : ["To add a host is to make certificates, too: host add --ca-key=FILE."],
    "",
  ].join("\n");
}

/** What to do once the files are there. */
function nextSteps(options: InitOptions): string[] {
  const { directory, systemd, hub } = options;
  const units = unitPaths({ directory, isHub: hub !== null }).join(" ");
  const isFound = directory === SYSTEM_DIRECTORY || directory === resolve(".");
  const config = isFound ? "" : ` --config=${join(directory, CONFIG_NAME)}`;
  const steps = systemd === null
    ? [...hub === null ? [] : [natsCommand(directory)], `worker-daemon${config}`]
    : systemd === "system"
    ? [`systemctl enable --now ${units}`]
    : [
      `systemctl --user enable --now ${units}`,
      "loginctl enable-linger    so that it starts at boot, and goes on after you log out",
    ];
  const dir = isFound ? "" : ` --dir=${directory}`;
  return hub === null
    ? steps
    : [...steps, `worker-daemon host add NAME --slots N${dir}    for each`];
}
