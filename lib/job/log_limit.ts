import { JobWorkerError } from "../errors.ts";
import { LOG_POLICIES, type LogLimit, type LogPolicy } from "./types.ts";

/** 256 MiB, of which the newest output is kept. */
export const DEFAULT_LOG_LIMIT: LogLimit = { bytes: 256 * 1024 * 1024, policy: "keep_newest" };

/** A smaller log would hold only a few records. */
export const MIN_LOG_LIMIT_BYTES = 1024 * 1024;

/** @throws `invalid_argument`, naming the limit and what is accepted */
export function checkLogLimit({ bytes }: LogLimit, maxBytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= MIN_LOG_LIMIT_BYTES && bytes <= maxBytes) return;
  const most = maxBytes === Infinity
    ? "or more"
    : `to ${maxBytes}, the most that this daemon allows`;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid log limit ${bytes}: must be a whole number of bytes, ${MIN_LOG_LIMIT_BYTES} ${most}`,
    { field: "logLimit.bytes" },
  );
}

/** How people write and read a policy, `keep-newest`: as flags, with a hyphen. Everywhere else it has `_`. */
export function logPolicyText(policy: string): string {
  return policy.replaceAll("_", "-");
}

/** @throws what is accepted */
export function parseLogPolicy(text: string): LogPolicy {
  const policy = LOG_POLICIES.find((policy) => logPolicyText(policy) === text);
  if (policy !== undefined) return policy;
  throw new Error(`must be ${LOG_POLICIES.map(logPolicyText).join(" or ")}`);
}
