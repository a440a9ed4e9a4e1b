/**
 * From the options of a subcommand, as the parser gives them, to what the line means. What options
 * of a line say together is checked here; what each value may be, in `values.ts`.
 *
 * @module
 */

import { type Role, ROLES } from "../auth/identity.ts";
import { JobWorkerError } from "../errors.ts";
import { CERTIFICATES_DIRECTORY } from "../text/command_hints.ts";
import type {
  CertsVerb,
  ContextVerb,
  ListVerb,
  LogsVerb,
  Moment,
  PruneVerb,
  StopAllVerb,
  StopVerb,
} from "./invocation.ts";
import type { LogStream } from "./job_client.ts";
import type { GivenSettings } from "./settings.ts";
import type { CONTEXT_KEYS } from "./user_directory.ts";

export interface StopOptions {
  readonly signal?: string;
  readonly grace?: number;
  readonly all?: boolean;
  readonly owner?: string;
  readonly label?: Readonly<Record<string, string>>;
}

export function stopVerbOf(
  jobId: string | undefined,
  options: StopOptions,
): StopVerb | StopAllVerb {
  const { signal: stopSignal = "", grace: gracePeriodMs = null, all = false } = options;
  if (all !== (jobId === undefined)) {
    throw new JobWorkerError("invalid_argument", "Say which: stop takes a job id, or --all");
  }
  if (jobId === undefined) {
    const { owner = "", label: labels = {} } = options;
    return { kind: "stop_all", owner, labels, stopSignal, gracePeriodMs };
  }
  if ((options.owner ?? options.label) !== undefined) {
    throw new JobWorkerError("invalid_argument", "--owner and --label choose among --all");
  }
  return { kind: "stop", jobId, stopSignal, gracePeriodMs };
}

export interface LogsOptions {
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: number;
  readonly since?: Moment;
}

export function logsVerbOf(
  streams: "all" | LogStream,
  jobId: string,
  { follow = false, timestamps = false, tail, since }: LogsOptions,
): LogsVerb {
  const start = since ?? (tail === undefined ? { kind: "first" } : { kind: "tail", lines: tail });
  return {
    kind: "logs",
    jobId,
    streams: streams === "all" ? [] : [streams],
    follow,
    start,
    timestamps,
  };
}

export interface ListOptions {
  readonly owner?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly since?: Moment;
  readonly until?: Moment;
  readonly limit?: number;
}

export function listVerbOf(status: ListVerb["status"], options: ListOptions): ListVerb {
  const { owner = "", label: labels = {}, since, until, limit = Infinity } = options;
  return {
    kind: "list",
    status,
    owner,
    labels,
    ...(since && { since }),
    ...(until && { until }),
    limit,
  };
}

export interface PruneOptions {
  readonly olderThan?: number;
  readonly keep?: number;
  readonly keepBytes?: number;
  readonly owner?: string;
  readonly dryRun?: boolean;
}

export function pruneVerbOf(options: PruneOptions): PruneVerb {
  const { olderThan: maxAgeMs, keep: maxCount, keepBytes: maxBytes } = options;
  if ((maxAgeMs ?? maxCount ?? maxBytes) === undefined) {
    throw new JobWorkerError(
      "invalid_argument",
      "Nothing to prune by: give --older-than, --keep or --keep-bytes",
    );
  }
  return {
    kind: "prune",
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(maxCount !== undefined && { maxCount }),
    ...(maxBytes !== undefined && { maxBytes }),
    dryRun: options.dryRun ?? false,
    owner: options.owner ?? "",
  };
}

/** What `certs` can do; without a word it makes all that a new installation needs. */
export const CERTS_ACTIONS = ["add", "renew", "list", "revoke"] as const;

export interface CertsOptions {
  readonly dir?: string;
  readonly force?: boolean;
  readonly host?: readonly string[];
  readonly role?: readonly Role[];
  readonly days?: number;
  readonly caKey?: string;
  readonly denyList?: string;
}

/** Beside `--dir`. */
const CERTS_OPTIONS: Readonly<
  Record<"make" | typeof CERTS_ACTIONS[number], readonly (keyof CertsOptions)[]>
> = {
  make: ["force", "host"],
  add: ["role", "days", "caKey", "denyList"],
  renew: ["host", "days", "caKey", "denyList"],
  list: ["denyList"],
  revoke: ["denyList"],
};

/** As long as what `certs` makes. */
const DEFAULT_DAYS = 365;

export function certsVerbOf(
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
        throw new JobWorkerError(
          "invalid_argument",
          `Certs add needs --role: ${ROLES.join(", ")}`,
        );
      }
      return { ...ofCa, action, user: needed(action, name), roles, days };
    }
    case "renew":
      return { ...ofCa, action, name: name ?? "all", days, hosts };
    case "revoke":
      return { ...ofCa, action, user: needed(action, name) };
    case "list":
      if (name === undefined) return { ...ofCa, action };
      throw new JobWorkerError("invalid_argument", "Certs list takes no name");
  }
}

function checkCertsOptions(action: keyof typeof CERTS_OPTIONS, options: CertsOptions): void {
  const known: readonly string[] = ["dir", ...CERTS_OPTIONS[action]];
  for (const option of ["force", "host", "role", "days", "caKey", "denyList"] as const) {
    if (options[option] === undefined || known.includes(option)) continue;
    const flag = `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const line = action === "make" ? "Certs alone" : `Certs ${action}`;
    throw new JobWorkerError("invalid_argument", `${line} takes no ${flag}`);
  }
}

function needed(action: string, name: string | undefined): string {
  if (name !== undefined) return name;
  throw new JobWorkerError("invalid_argument", `Certs ${action} needs the name of a user`);
}

export interface ContextOptions extends GivenSettings {
  readonly restAddress?: string;
  readonly user?: string;
}

export function contextVerbOf(
  action: ContextVerb["action"],
  name: string | undefined,
  { address, cert, key, ca, restAddress, user }: ContextOptions,
): ContextVerb {
  if ((name === undefined) !== (action === "list")) {
    const need = action === "list" ? "takes no name" : "needs a name";
    throw new JobWorkerError("invalid_argument", `Context ${action} ${need}`);
  }
  const values: Record<typeof CONTEXT_KEYS[number], string | undefined> = {
    address,
    cert,
    key,
    ca,
    "rest-address": restAddress,
    user,
  };
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return { kind: "context", action, name: name ?? "", values: Object.fromEntries(given) };
}
