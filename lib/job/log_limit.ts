import { JobWorkerError } from "../errors.ts";
import type { LogLimit } from "./types.ts";

/** 256 MiB, of which the newest output is kept. */
export const DEFAULT_LOG_LIMIT: LogLimit = { bytes: 256 * 1024 * 1024, policy: "keep_newest" };

/** A smaller log would hold only a few records. */
export const MIN_LOG_LIMIT_BYTES = 1024 * 1024;

/** @throws `invalid_argument`, naming the limit and what is accepted */
export function checkLogLimit({ bytes }: LogLimit, maxBytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= MIN_LOG_LIMIT_BYTES && bytes <= maxBytes) return;
  const most = maxBytes === Infinity
    ? "on"
    : `to ${maxBytes}, the most that this daemon lets a job have`;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid log limit ${bytes}: accepted are whole bytes from ${MIN_LOG_LIMIT_BYTES} ${most}`,
    { field: "logLimit.bytes" },
  );
}
