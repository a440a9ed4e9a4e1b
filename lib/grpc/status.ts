/**
 * Converts between errors and statuses. Only a `JobWorkerError` reaches a caller as it is; anything else that is
 * thrown is an internal error, of which the caller only learns that it happened.
 *
 * @module
 */

import { ERROR_CODES, type ErrorCode, JobWorkerError } from "../errors.ts";
import { protoField, protoFieldOf } from "./field_names.ts";
import { Metadata, type ServiceError, type StatusObject } from "./grpc.ts";

/** Trailing metadata that carries {@linkcode JobWorkerError.reason}. */
const REASON_KEY = "jobworker-reason";

/** Carries {@linkcode JobWorkerError.field}, by its name in the proto. */
const FIELD_KEY = "jobworker-field";

/** What metadata may hold: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const METADATA_VALUE = /^[\x20-\x7e]+$/;

/** The longest message, in UTF-16 code units: it travels in a header block, which clients limit. */
const MAX_MESSAGE_LENGTH = 2000;

const CODES = new Map(
  Object.entries(ERROR_CODES).map(([code, { grpc }]) => [grpc as number, code as ErrorCode]),
);

/**
 * The status that ends a call.
 *
 * @param onFault told of every error that is not a `JobWorkerError`
 */
export function statusFromError(error: unknown, onFault: (error: unknown) => void): StatusObject {
  if (!(error instanceof JobWorkerError)) {
    onFault(error);
    error = new JobWorkerError("internal", "Internal error of the daemon, see its diagnostics");
  }
  const { code, reason, field = "" } = error as JobWorkerError;
  const message = (error as JobWorkerError).message.replace(field, () => protoField(field));
  const metadata = new Metadata();
  const told = { [REASON_KEY]: reason, [FIELD_KEY]: field && protoFieldOf(field) };
  for (const [key, value = ""] of Object.entries(told)) {
    if (METADATA_VALUE.test(value)) metadata.set(key, value);
  }
  // Percent-encoding throws on half a surrogate pair, which truncation may leave.
  const details = message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
  return { code: ERROR_CODES[code].grpc, details, metadata };
}

/** Turns a status into an error. A code that we do not use becomes `internal`. */
export function errorFromStatus(error: ServiceError): JobWorkerError {
  const { code, details, metadata } = error;
  const [reason] = metadata.get(REASON_KEY);
  const [field] = metadata.get(FIELD_KEY);
  return new JobWorkerError(
    isLostCall(error) ? "unavailable" : CODES.get(code) ?? "internal",
    details,
    {
      cause: error,
      ...(typeof reason === "string" && { reason }),
      ...(typeof field === "string" && { field }),
    },
  );
}

/**
 * Whether the stream of a call was cut off. grpc-js reports that as a cancellation or an internal error, depending
 * on what the connection did last; a keepalive ping without an answer ends the same way.
 */
function isLostCall({ code, details }: ServiceError): boolean {
  return code === ERROR_CODES.cancelled.grpc ||
    code === ERROR_CODES.internal.grpc && details.startsWith("Received RST_STREAM");
}

/** Whether this is the error that grpc-js throws for a call that ended with a status. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "metadata" in error && error.metadata instanceof Metadata;
}
