/**
 * What a command line means, as plain data.
 *
 * @module
 */

import type { Command, JobStatus, LogStream } from "./job_client.ts";

/** The options every subcommand takes. */
export interface Settings {
  /** Show the stack of an error. */
  readonly debug: boolean;
  /** `host:port` of the daemon. */
  readonly address: string;
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** One JSON value a line instead of text. */
  readonly json: boolean;
  /** False if colours are not wanted even on a terminal. */
  readonly color: boolean;
}

/** A command line that was understood. */
export interface Invocation {
  readonly settings: Settings;
  readonly verb: Verb;
}

/** A subcommand with its own options. */
export type Verb =
  | StartVerb
  | RunVerb
  | StopVerb
  | StatusVerb
  | OutputVerb
  | LogsVerb
  | ListVerb
  | WaitVerb
  | CertsVerb
  | HealthVerb;

/** What `start` and `run` say about the new job. */
export interface NewJob {
  readonly command: Command;
  readonly labels: Readonly<Record<string, string>>;
  /** `""` if none was given. */
  readonly requestId: string;
}

export interface StartVerb {
  readonly kind: "start";
  readonly job: NewJob;
}

export interface RunVerb {
  readonly kind: "run";
  readonly job: NewJob;
}

/** A job id, or the beginning of one, as it was typed. */
interface OfOneJob {
  readonly jobId: string;
}

export interface StopVerb extends OfOneJob {
  readonly kind: "stop";
  /** `""` for the daemon's default. */
  readonly stopSignal: string;
  /** `null` for the daemon's default. */
  readonly gracePeriodMs: number | null;
}

export interface StatusVerb extends OfOneJob {
  readonly kind: "status";
}

export interface OutputVerb extends OfOneJob {
  readonly kind: "output";
}

/** Where to start in a log; `ago` is counted back from now. */
export type LogsStart =
  | { readonly kind: "first" }
  | { readonly kind: "tail"; readonly lines: number }
  | { readonly kind: "since"; readonly time: number }
  | { readonly kind: "ago"; readonly ms: number };

export interface LogsVerb extends OfOneJob {
  readonly kind: "logs";
  /** Empty: both. */
  readonly streams: readonly LogStream[];
  readonly follow: boolean;
  readonly start: LogsStart;
  readonly timestamps: boolean;
}

export interface ListVerb {
  readonly kind: "list";
  readonly status: JobStatus | "all";
  /** `""`: every owner. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How many jobs at most; `Infinity` for all of them. */
  readonly limit: number;
}

export interface WaitVerb extends OfOneJob {
  readonly kind: "wait";
}

export interface CertsVerb {
  readonly kind: "certs";
  readonly directory: string;
  readonly force: boolean;
  /** Names and addresses of the server beyond the usual ones. */
  readonly hosts: readonly string[];
}

export interface HealthVerb {
  readonly kind: "health";
}
