/**
 * The one error class that crosses folders and processes, and the table of what each code becomes
 * at the edges.
 *
 * @module
 */

import { BUILD } from "./build.ts";

/** What went wrong, in the words of gRPC's canonical codes. */
export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * For each code: its number in gRPC (https://grpc.io/docs/guides/status-codes/) and its HTTP status
 * (RFC 9110). The CLI's exit status is 125 for all of them, except `invalid_argument`.
 */
export const ERROR_CODES = {
  cancelled: { grpc: 1, http: 499 },
  invalid_argument: { grpc: 3, http: 400 },
  deadline_exceeded: { grpc: 4, http: 504 },
  not_found: { grpc: 5, http: 404 },
  already_exists: { grpc: 6, http: 409 },
  permission_denied: { grpc: 7, http: 403 },
  resource_exhausted: { grpc: 8, http: 429 },
  failed_precondition: { grpc: 9, http: 409 },
  out_of_range: { grpc: 11, http: 416 },
  unimplemented: { grpc: 12, http: 501 },
  internal: { grpc: 13, http: 500 },
  unavailable: { grpc: 14, http: 503 },
  data_loss: { grpc: 15, http: 500 },
  unauthenticated: { grpc: 16, http: 401 },
} as const;

/** The `reason` of an error that tells the reader of a log that its job is lost. */
export const JOB_LOST = "JOB_LOST";

/** The `reason` of an error that tells that a job was there, and its record has been removed since. */
export const JOB_REMOVED = "JOB_REMOVED";

/** The `reason` of an error that tells somebody that no user of the system is there for their jobs. */
export const NO_JOB_USER = "NO_JOB_USER";

/** Options of {@linkcode JobWorkerError}. */
export interface JobWorkerErrorOptions extends ErrorOptions {
  /** A word for programs: an errno name such as `"ENOENT"`, for a start that failed. */
  readonly reason?: string;
  /**
   * The field of a request that the message is about: `filter.owner`. Where the message contains the name,
   * it does so to the letter.
   */
  readonly field?: string;
}

/**
 * An error whose message may be shown to the caller: it names the field or the job, the value, and
 * what would be accepted. Any other error is a bug of ours and reaches the caller as `internal`.
 */
export class JobWorkerError extends Error {
  override readonly name = "JobWorkerError";
  readonly code: ErrorCode;
  readonly reason: string | undefined;
  readonly field: string | undefined;

  constructor(code: ErrorCode, message: string, options: JobWorkerErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.reason = options.reason;
    this.field = options.field;
  }
}

/** For what somebody has written, and is not accepted. */
export function invalidArgument(message: string): JobWorkerError {
  return new JobWorkerError("invalid_argument", message);
}

/** For what cannot be done until something else is put right. */
export function failedPrecondition(message: string, cause?: unknown): JobWorkerError {
  return new JobWorkerError("failed_precondition", message, { cause });
}

/** What Deno adds to the words of the system. */
const ERROR_NUMBER = / \(os error \d+\)/;

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  if (isMissingRight(error)) return missingRightText(error.message);
  return error instanceof Error ? error.message.replace(ERROR_NUMBER, "") : String(error);
}

/** What errno(3) says about a path, in our words. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is not a directory",
  EROFS: "the file system is read-only",
};

/** As {@linkcode messageOf}, for a message that names the path already. */
export function pathFaultOf(error: unknown): string {
  const known = SYSTEM_WORDS[String(Reflect.get(Object(error), "code"))];
  if (known !== undefined || !(error instanceof Error)) return known ?? String(error);
  // The name of the path follows the number.
  const [words = "", ...rest] = error.message.split(ERROR_NUMBER);
  return rest.length === 0 ? messageOf(error) : words.charAt(0).toLowerCase() + words.slice(1);
}

/** Whether Deno has refused something that its flags do not allow. */
export function isMissingRight(error: unknown): error is Error {
  return error instanceof Error && error.name === "NotCapable";
}

/** Deno would advise a flag, but the command line is in a task. */
function missingRightText(message: string): string {
  const [, right = "", what = ""] =
    /^Requires (\w+) access(?: to (.+?))?(?:, run|$)/.exec(message) ?? [];
  if (right === "") return message;
  const missing = `Deno was not given --allow-${right}${what === "" ? "" : ` for ${what}`}`;
  return BUILD === "source" && right === "write" ? `${missing} (${WHERE_TASKS_WRITE})` : missing;
}

/** Which task may write where. */
const WHERE_TASKS_WRITE =
  "`deno task certs` and `deno task user` may write in ./certs, `deno task context` in " +
  "~/.config/job-worker, `deno task start` in ./data; for another place see docs/permissions.md";
