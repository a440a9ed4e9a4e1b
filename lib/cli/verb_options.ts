/**
 * From the options of a subcommand, as the parser gives them, to what the line means. What options
 * of a line say together is checked here; what each value may be, in `values.ts`.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
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
      "Nothing says which jobs go: give --older-than, --keep or --keep-bytes",
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

export interface CertsOptions {
  readonly dir?: string;
  readonly force?: boolean;
  readonly host?: readonly string[];
}

export function certsVerbOf({ dir = "certs", force = false, host = [] }: CertsOptions): CertsVerb {
  return { kind: "certs", directory: dir, force, hosts: host };
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
