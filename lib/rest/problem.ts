import { STATUS_CODES } from "node:http";
import type * as z from "../text/zod.ts";
import type { JobWorkerError } from "../errors.ts";
import { httpStatusOf } from "./http_error.ts";
import type * as schemas from "./schemas.ts";

/** An error as a problem of RFC 9457. */
export type Problem = z.infer<typeof schemas.problem>;

export const PROBLEM_TYPE = "application/problem+json";

/** Turns an error into a problem: the status gives the title, the message is the detail. */
export function problemOf(error: JobWorkerError): Problem {
  const status = httpStatusOf(error);
  const { code, message, field, reason } = error;
  return {
    type: "about:blank",
    // Not in the RFCs, but nginx's words for a client that has left.
    title: STATUS_CODES[status] ?? "Client Closed Request",
    status,
    detail: message,
    code,
    ...(field !== undefined && { field }),
    ...(reason !== undefined && { reason }),
  };
}
