/**
 * The meaning of a command line, as plain data.
 *
 * @module
 */

import type { Role } from "../auth/identity.ts";
import type { Shell } from "./completion_scripts.ts";
import type {
  Command,
  Execution,
  HostSelector,
  IfHostLost,
  JobStatus,
  LogLimit,
  LogStream,
} from "./job_client.ts";
import type { ColumnName } from "./job_columns.ts";
import type { Share } from "./many/share.ts";
import type { ContextValues } from "./user_directory.ts";

/** The options of every subcommand. */
export interface Settings {
  /** Whether to show stack traces of errors. */
  readonly debug: boolean;
  /** `host:port` of the daemon. */
  readonly address: string;
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** How long to keep a connection that nobody uses for later calls, in milliseconds; 0: not at all. */
  readonly keepConnection: number;
  /** Whether to print one JSON value per line instead of text. */
  readonly json: boolean;
  /** Whether to use colours on a terminal. */
  readonly color: boolean;
}

/** A valid command line. */
export interface Invocation {
  readonly settings: Settings;
  readonly verb: Verb;
}

/** What the grammar makes of a command line. */
export type Parsed =
  | { readonly kind: "invocation"; readonly invocation: Invocation }
  /** The help or the version, which the user asked for. */
  | { readonly kind: "text"; readonly text: string }
  /** What is wrong with the line, and what to do about it. */
  | { readonly kind: "usage_error"; readonly message: string };

/** A subcommand with its own options. */
export type Verb =
  | StartVerb
  | RunVerb
  | RunAllVerb
  | RestartVerb
  | StopVerb
  | StopAllVerb
  | SignalVerb
  | UpdateVerb
  | StatusVerb
  | OutputVerb
  | LogsVerb
  | ListVerb
  | WaitVerb
  | PruneVerb
  | AuditVerb
  | HostsVerb
  | CertsVerb
  | HealthVerb
  | RestVerb
  | ContextVerb
  | CompletionsVerb
  | CompleteVerb
  | KeepVerb;

/** The job that `start` and `run` ask for. */
export interface NewJob {
  readonly command: Command;
  readonly labels: Readonly<Record<string, string>>;
  readonly name?: string;
  /** `""` if none was given. */
  readonly requestId: string;
  /** The daemon chooses what is left out. */
  readonly logLimit?: Partial<LogLimit>;
  readonly execution?: Partial<Execution>;
  /** Whether it may wait until it may run. */
  readonly queue?: boolean;
  /** The URL of a webhook that is told how it has ended. */
  readonly notify?: string;
  /** Where in a fleet it is to run. */
  readonly on?: HostSelector;
  readonly priority?: number;
  readonly ifHostLost?: IfHostLost;
}

export interface StartVerb {
  readonly kind: "start";
  readonly job: NewJob;
}

export interface RunVerb {
  readonly kind: "run";
  readonly job: NewJob;
  /** Whether to print neither its output nor anything about it. */
  readonly quiet?: boolean;
}

/** `run --all`: the same on many hosts of a fleet. */
export interface RunAllVerb {
  readonly kind: "run_all";
  readonly job: NewJob;
  /** How its output is shown: as it comes, or at the end, folded. */
  readonly form: "prefix" | "group";
  /** How many hosts at once; `Infinity` for all of them. */
  readonly parallel: number;
  /** How many have had their turn by the end of each wave; empty for one wave. */
  readonly waves: readonly Share[];
  readonly maxFailures?: Share;
  /** Between waves: milliseconds, or a question. */
  readonly pause: number | "ask";
}

interface OfOneJob {
  /** What somebody has typed for a job, see `job_id.ts`. */
  readonly jobId: string;
}

/** `restart`: the same command again. */
export interface RestartVerb extends OfOneJob {
  readonly kind: "restart";
  /** Whether to stop it first, if it has not ended. */
  readonly stop: boolean;
}

/** How to stop jobs. */
interface Stop {
  /** `""` for the daemon's default. */
  readonly stopSignal: string;
  /** `null` for that of the job. */
  readonly gracePeriodMs: number | null;
}

export interface StopVerb extends OfOneJob, Stop {
  readonly kind: "stop";
}

/** `stop --all`: every running job that matches. */
export interface StopAllVerb extends Stop {
  readonly kind: "stop_all";
  /** `""` for every owner. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SignalVerb extends OfOneJob {
  readonly kind: "signal";
  /** A name or a number as in signal(7). */
  readonly signal: string;
}

export interface UpdateVerb extends OfOneJob {
  readonly kind: "update";
  /** Counted from the start of the job; 0 for no limit. */
  readonly timeoutMs: number;
}

export interface StatusVerb extends OfOneJob {
  readonly kind: "status";
}

export interface OutputVerb extends OfOneJob {
  readonly kind: "output";
}

/** A point in time; `ago` counts back from now. */
export type Moment =
  | { readonly kind: "since"; readonly time: number }
  | { readonly kind: "ago"; readonly ms: number };

/** Where to start in a log. */
export type LogsStart =
  | { readonly kind: "first" }
  | { readonly kind: "tail"; readonly lines: number }
  | Moment;

export interface LogsVerb extends OfOneJob {
  readonly kind: "logs";
  /** Empty for both. */
  readonly streams: readonly LogStream[];
  readonly follow: boolean;
  readonly start: LogsStart;
  readonly timestamps: boolean;
}

export interface ListVerb {
  readonly kind: "list";
  readonly status: JobStatus | "all";
  /** `""` for every owner. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Only jobs that started at or after `since`, and before `until`. */
  readonly since?: Moment;
  readonly until?: Moment;
  readonly name?: string;
  /** Only jobs that this host of a fleet has. */
  readonly host?: string;
  /** How many jobs to show at most, `Infinity` for all of them; by default it depends on who reads them. */
  readonly limit?: number;
  /** The columns, all of them, or JSON; by default it depends on who reads them. */
  readonly form?: readonly ColumnName[] | "wide" | "json";
  /** Whether to go on with what changes. */
  readonly watch: boolean;
}

export interface WaitVerb extends OfOneJob {
  readonly kind: "wait";
}

/** Which finished jobs to keep: the newest ones, as far as every given limit allows. */
export interface PruneVerb {
  readonly kind: "prune";
  readonly maxAgeMs?: number;
  readonly maxCount?: number;
  /** The size of all their logs together. */
  readonly maxBytes?: number;
  readonly dryRun: boolean;
  /** `""` for every owner whose jobs the caller may remove. */
  readonly owner: string;
}

/** Which lines of the audit trail to print; `""` for all. */
export interface AuditVerb {
  readonly kind: "audit";
  readonly user: string;
  /** The beginning of a job id. */
  readonly jobIdPrefix: string;
  readonly method: string;
  readonly denied: boolean;
  readonly since?: Moment;
  readonly follow: boolean;
}

/**
 * The directory of a CA, and the paths of its key and deny list; `""` for those in the directory.
 */
interface OfOneCa {
  readonly kind: "certs";
  readonly directory: string;
  readonly caKey: string;
  readonly denyList: string;
}

export type CertsVerb =
  | MakeCertsVerb
  | AddCertVerb
  | RenewCertsVerb
  | ListCertsVerb
  | RevokeCertVerb;

export interface MakeCertsVerb {
  readonly kind: "certs";
  readonly action: "make";
  readonly directory: string;
  readonly force: boolean;
  /** Names and addresses of the server, in addition to the usual ones. */
  readonly hosts: readonly string[];
}

export interface AddCertVerb extends OfOneCa {
  readonly action: "add";
  readonly user: string;
  readonly roles: readonly Role[];
  readonly days: number;
}

export interface RenewCertsVerb extends OfOneCa {
  readonly action: "renew";
  /** A user, `server` or `all`. */
  readonly name: string;
  readonly days: number;
  /** Names and addresses of the server, in addition to those that it has. */
  readonly hosts: readonly string[];
}

export interface ListCertsVerb extends OfOneCa {
  readonly action: "list";
}

export interface RevokeCertVerb extends OfOneCa {
  readonly action: "revoke";
  readonly user: string;
}

export interface HostsVerb {
  readonly kind: "hosts";
  /** Which of them; all by default. */
  readonly on?: HostSelector;
}

export interface HealthVerb {
  readonly kind: "health";
}

/** A call over REST, which takes only whole job ids. */
export type RestCall =
  | { readonly kind: "health" }
  | { readonly kind: "start"; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: "stop" | "status"; readonly jobId: string };

export interface RestVerb {
  readonly kind: "rest";
  readonly call: RestCall;
  /** `host:port` of the daemon's REST API. */
  readonly address: string;
  /** `""` if none was given. */
  readonly user: string;
  /** Path of a file whose first line is the password; `""` for none. */
  readonly passwordFile: string;
}

export interface ContextVerb {
  readonly kind: "context";
  readonly action: "add" | "use" | "list" | "remove";
  /** `""` for `list`. */
  readonly name: string;
  /** The values to add; paths as they were typed. */
  readonly values: ContextValues;
}

export interface CompletionsVerb {
  readonly kind: "completions";
  readonly shell: Shell;
}

/** What completion scripts call; not for people. */
export interface CompleteVerb {
  readonly kind: "__complete";
  /** The words after the program's name; the last one is at the cursor. */
  readonly words: readonly string[];
}

/** What `--keep-connection` starts, see `kept/keeper.ts`; not for people. */
export interface KeepVerb {
  readonly kind: "__keep";
}
