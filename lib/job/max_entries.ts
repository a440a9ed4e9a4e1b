import { JobWorkerError } from "../errors.ts";
import { MAX_ARGUMENTS, MAX_VARIABLES } from "./command.ts";
import { MAX_LABELS } from "./labels.ts";
import { JOB_STATUSES, LOG_STREAMS } from "./types.ts";

/**
 * How many entries each list and each map of a request may have, by the name of the field. APIs count them before
 * they make objects of them: a few megabytes can hold a million entries, each of which costs far more than
 * its bytes.
 */
export const MAX_ENTRIES = {
  "command.args": MAX_ARGUMENTS,
  "command.env": MAX_VARIABLES,
  labels: MAX_LABELS,
  "filter.labels": MAX_LABELS,
  "on.labels": MAX_LABELS,
  "filter.statuses": JOB_STATUSES.length,
  streams: LOG_STREAMS.length,
  targets: 1_000,
  jobIds: 1_000,
} as const satisfies Readonly<Record<string, number>>;

/** The name of a list or map of a request. */
export type ManyField = keyof typeof MAX_ENTRIES;

/** @throws `invalid_argument`, naming the field, how many entries it has, and how many it may have */
export function checkEntries(field: ManyField, count: number): void {
  const max = MAX_ENTRIES[field];
  if (count <= max) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${field}: it has ${count} entries, and at most ${max} are accepted`,
    { field },
  );
}
