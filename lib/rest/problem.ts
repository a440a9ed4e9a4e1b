import { STATUS_CODES } from "node:http";
import type { z } from "../text/zod.ts";
import type { JobWorkerError } from "../errors.ts";
import { httpStatusOf } from "./http_error.ts";
import type * as schemas from "./schemas.ts";

/** An error as a problem of RFC 9457. */
export type Problem = z.infer<typeof schemas.problem>;

export const PROBLEM_TYPE = "application/problem+json";

/** Writes an error as RFC 9457 has it: a title by the status, and what happened as the detail. */
export function problemOf(error: JobWorkerError): Problem {
  const status = httpStatusOf(error);
  const { code, message, reason } = error;
  return {
    type: "about:blank",
    // Not of the RFCs: nginx's word for a client that has left.
    title: STATUS_CODES[status] ?? "Client Closed Request",
    status,
    detail: message,
    code,
    ...(reason !== undefined && { reason }),
  };
}
