import { type ErrorCode, JobWorkerError } from "../errors.ts";
import { HOST_OFFLINE } from "./transport.ts";

/** The `reason` of the error that no answer of a host has come, or none that is sure to be of it. */
export const HOST_SILENT = "HOST_SILENT";

/** The `reason` of the error that a host has refused a call without looking at what it asks for. */
export const HOST_REFUSED = "HOST_REFUSED";

const REASONS: readonly unknown[] = [HOST_OFFLINE, HOST_SILENT, HOST_REFUSED];

/**
 * Whether an error leaves open if a host has done what was asked of it. Of somebody who carries calls and is not
 * trusted, even that a host is offline or refuses a call proves nothing: they may have brought it there before.
 */
export function isUnanswered(error: unknown): error is JobWorkerError {
  return error instanceof JobWorkerError && REASONS.includes(error.reason);
}

/** That no answer has come. */
export function silent(
  message: string,
  { code = "unavailable", cause }: { code?: ErrorCode; cause?: unknown } = {},
): JobWorkerError {
  return new JobWorkerError(code, message, { reason: HOST_SILENT, cause });
}

/** The same error, which also says what is not known. */
export function withUnknown(error: JobWorkerError, what: string): JobWorkerError {
  const { code, message, reason } = error;
  const text = `${message}; ${what}`;
  return new JobWorkerError(code, text, { cause: error, ...(reason !== undefined && { reason }) });
}
