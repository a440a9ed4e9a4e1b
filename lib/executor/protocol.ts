/**
 * What is said on the socket of an executor. Whoever connects is told {@linkcode Hello}; then calls and
 * answers pass by number, in any order, and events come unasked. Each is the head of a frame.
 *
 * Executors outlive engines, so both sides may be of different builds. A change that the other side would not
 * understand takes a new {@linkcode PROTOCOL}.
 *
 * @module
 */

import { ERROR_CODES, type ErrorCode, JobWorkerError, messageOf } from "../errors.ts";
import type { FlushCounts } from "../files/flush.ts";
import type { StoredJob } from "../job/job_store.ts";
import type { Containment, LogStream } from "../job/types.ts";
import type { DynamicUsersOptions } from "../process/dynamic_users.ts";
import type { ShellEnd } from "../process/proc_shell.ts";
import type {
  JobOutcome,
  JobProgress,
  LaunchRequest,
  PreparedJob,
  StopOptions,
} from "./executor.ts";
import type { LogState } from "./mirrored_log.ts";

/** The version of what is said here. */
export const PROTOCOL = 1;

/** A job that an executor has started, and whose end is not recorded yet. */
export interface HeldJob {
  readonly jobId: string;
  readonly pid: number;
  readonly processIdentity: string;
  readonly isConfirmed: boolean;
  /** `null` while it runs. */
  readonly outcome: JobOutcome | null;
}

/** What an executor is started with, and has for its life. */
export interface ExecutorSettings {
  /** Absolute path: one that was moved is another. */
  readonly dataDirectory: string;
  /** `HOME` and default working directory of the jobs. */
  readonly home: string;
  /** Whether to use cgroups where that is possible. */
  readonly cgroups: boolean;
  /** Whether a job may gain rights that its user has not, as by sudo(8). Those of root always may. */
  readonly newPrivileges: boolean;
  /** Where each job that names no user gets one for itself; `null`: it runs as the executor's own. */
  readonly jobUids: DynamicUsersOptions | null;
}

/** What an executor says first. */
export interface Hello {
  readonly protocol: number;
  /** Its version and build, see `VERSION_TEXT`. */
  readonly version: string;
  readonly pid: number;
  readonly containment: Containment;
  /** Whether jobs are where a service manager that restarts the daemon leaves them alone. */
  readonly isApart: boolean;
  readonly settings: ExecutorSettings;
  readonly jobs: readonly HeldJob[];
}

/** The calls of an executor, each with what is asked and what is answered. */
export interface ExecutorCalls {
  prepare: (request: LaunchRequest) => PreparedJob;
  launch: (request: { readonly jobId: string }) => Pick<HeldJob, "pid" | "processIdentity">;
  abandon: (request: { readonly jobId: string }) => null;
  killLeftovers: (request: { readonly jobs: readonly StoredJob[] }) => null;
  progress: (request: { readonly jobIds: readonly string[] }) => Record<string, JobProgress>;
  stop: (request: { readonly jobId: string; readonly options: StopOptions }) => null;
  signal: (request: { readonly jobId: string; readonly signal: string }) => null;
  setTimeLimit: (request: { readonly jobId: string; readonly ms: number }) => null;
  /** The data is the bytes of the frame. */
  writeInput: (request: { readonly jobId: string; readonly offset: number }) => number;
  closeInput: (request: { readonly jobId: string }) => null;
  /** Until the note `closeLog` there is an event each time that the log grows; never more than one is under way. */
  openLog: (request: { readonly jobId: string }) => LogState;
  logState: (request: { readonly jobId: string }) => LogState;
  /** Whether to take no new jobs, and to exit once the last one is released. */
  setRetired: (request: { readonly retired: boolean }) => null;
  /** Older executors do not know it. */
  count: (request: Record<never, never>) => ExecutorCounts;
}

/** What an executor has to tell of itself, since it began; sizes in bytes. */
export interface ExecutorCounts {
  readonly residentBytes: number;
  /** What it has written to logs. */
  readonly written: Readonly<Record<LogStream, number>>;
  readonly flushes: FlushCounts;
}

/** What an executor is told of a job, and does not answer. */
export type NoteName = "confirm" | "release" | "closeLog";

export type CallName = keyof ExecutorCalls;
export type CallRequest<Name extends CallName> = Parameters<ExecutorCalls[Name]>[0];
export type CallAnswer<Name extends CallName> = ReturnType<ExecutorCalls[Name]>;

/** What a call may take with it. */
export interface CallOptions {
  /** Tells the executor that nobody waits for the answer any more; it is still waited for here. */
  readonly signal?: AbortSignal;
  readonly bytes?: Uint8Array<ArrayBuffer>;
}

/**
 * Calls an executor.
 *
 * @throws what the executor throws; the reason of the signal; `unavailable` if the executor is gone
 */
export type CallExecutor = <Name extends CallName>(
  name: Name,
  request: CallRequest<Name>,
  options?: CallOptions,
) => Promise<CallAnswer<Name>>;

/** What an engine sends. */
export type ToExecutor =
  | {
    readonly kind: "call";
    readonly id: number;
    readonly name: CallName;
    readonly request: unknown;
    /** The span of a trace that it is part of, see `currentTrace()`. */
    readonly trace?: string;
  }
  | { readonly kind: "note"; readonly name: NoteName; readonly jobId: string }
  /** The answer to this call is no longer waited for. */
  | { readonly kind: "cancel"; readonly id: number };

/** What an executor sends. */
export type FromExecutor =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: ErrorData }
  | { readonly kind: "ended"; readonly jobId: string; readonly outcome: JobOutcome }
  | { readonly kind: "log"; readonly jobId: string; readonly state: LogState }
  | { readonly kind: "fault"; readonly jobId: string; readonly message: string }
  | { readonly kind: "shellEnded"; readonly end: ShellEnd };

/** An error as data; `code` is `null` for an error that no caller should see. */
export interface ErrorData {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly reason?: string;
  readonly field?: string;
}

export function errorToData(error: unknown): ErrorData {
  if (!(error instanceof JobWorkerError)) return { code: null, message: messageOf(error) };
  const { code, message, reason, field } = error;
  return {
    code,
    message,
    ...(reason === undefined ? {} : { reason }),
    ...(field === undefined ? {} : { field }),
  };
}

export function errorFromData({ code, message, ...options }: ErrorData): Error {
  const isKnown = code !== null && Object.hasOwn(ERROR_CODES, code);
  return isKnown ? new JobWorkerError(code, message, options) : new Error(message);
}
