import { type Role, ROLES } from "../../auth/identity.ts";
import { invalidArgument } from "../../errors.ts";
import { CERTIFICATES_DIRECTORY } from "../../text/command_hints.ts";
import type { CertsVerb } from "../invocation.ts";
import { Argument, type Command, type Found, option, subcommand } from "../parser.ts";
import { parseDays, parseRepeated, parseRoles, parseText } from "../values.ts";

/** The actions of `certs`; without one, it makes everything that a new installation needs. */
const CERTS_ACTIONS = ["add", "renew", "list", "revoke"] as const;

interface CertsOptions {
  readonly dir?: string;
  readonly force?: boolean;
  readonly host?: readonly string[];
  readonly role?: readonly Role[];
  readonly days?: number;
  readonly caKey?: string;
  readonly denyList?: string;
}

/** The options of each action, in addition to `--dir`. */
const CERTS_OPTIONS: Readonly<
  Record<"make" | typeof CERTS_ACTIONS[number], readonly (keyof CertsOptions)[]>
> = {
  make: ["force", "host"],
  add: ["role", "days", "caKey", "denyList"],
  renew: ["host", "days", "caKey", "denyList"],
  list: ["denyList"],
  revoke: ["denyList"],
};

/** As for the certificates that `certs` alone makes. */
const DEFAULT_DAYS = 365;

function certsVerbOf(
  action: typeof CERTS_ACTIONS[number] | undefined,
  name: string | undefined,
  options: CertsOptions,
): CertsVerb {
  const { dir: directory = CERTIFICATES_DIRECTORY, host: hosts = [], force = false } = options;
  const { caKey = "", denyList = "", days = DEFAULT_DAYS } = options;
  checkCertsOptions(action ?? "make", options);
  const ofCa = { kind: "certs", directory, caKey, denyList } as const;
  switch (action) {
    case undefined:
      return { kind: "certs", action: "make", directory, force, hosts };
    case "add": {
      const { role: roles } = options;
      if (roles === undefined) {
        throw invalidArgument(`Certs add needs --role: ${ROLES.join(", ")}`);
      }
      return { ...ofCa, action, user: needed(action, name), roles, days };
    }
    case "renew":
      return { ...ofCa, action, name: name ?? "all", days, hosts };
    case "revoke":
      return { ...ofCa, action, user: needed(action, name) };
    case "list":
      if (name === undefined) return { ...ofCa, action };
      throw invalidArgument("Certs list takes no name");
  }
}

function checkCertsOptions(action: keyof typeof CERTS_OPTIONS, options: CertsOptions): void {
  const known: readonly string[] = ["dir", ...CERTS_OPTIONS[action]];
  for (const option of ["force", "host", "role", "days", "caKey", "denyList"] as const) {
    if (options[option] === undefined || known.includes(option)) continue;
    const flag = `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const line = action === "make" ? "Certs without an action" : `Certs ${action}`;
    throw invalidArgument(`${line} takes no ${flag}`);
  }
}

function needed(action: string, name: string | undefined): string {
  if (name !== undefined) return name;
  throw invalidArgument(`Certs ${action} needs a user name`);
}

/** Defines `certs`. */
export function defineCerts(program: Command, found: Found): void {
  subcommand(program, "certs", "create certificates for a new installation, and manage them")
    .usage("[options] [add | renew | list | revoke] [name]")
    .addArgument(
      new Argument("[action]", "what to do; nothing for a new CA").choices([...CERTS_ACTIONS]),
    )
    .argument("[name]", "a user, or for renew also server; by default all")
    .addOption(option("--dir <dir>", "directory of the CA [certs]", parseText))
    .option("--force", "replace the CA and all of its certificates")
    .addOption(
      option(
        "--host <name>",
        "additional name or address of the server (repeatable)",
        parseRepeated,
      ),
    )
    .addOption(
      option(
        "--role <role>",
        "role of the new user: admin, operator or viewer (repeatable)",
        parseRoles,
      ),
    )
    .addOption(option("--days <n>", "validity in days [365]", parseDays))
    .addOption(option("--ca-key <file>", "private key of the CA [ca-key.pem in --dir]", parseText))
    .addOption(
      option("--deny-list <file>", "the daemon's deny list [deny-list.txt in --dir]", parseText),
    )
    .addHelpText("after", CERTS_NOTES)
    .action((
      action: typeof CERTS_ACTIONS[number] | undefined,
      name: string | undefined,
      options: CertsOptions,
    ) => found(certsVerbOf(action, name, options)));
}

const CERTS_NOTES = `
  worker-cli certs
      create a CA, and certificates for a server and three clients
  worker-cli certs add alice --role operator
      create a certificate for another client
  worker-cli certs renew [alice | server]
      issue a new certificate for the same key; without a name, for all
  worker-cli certs list
      show names, roles, expiry dates and files; a certificate that was renewed
      stays valid, but its file has the new one
  worker-cli certs revoke alice
      add all of alice's certificates to the deny list, which the daemon reads
      on reload`;
