import { JobWorkerError } from "../errors.ts";
import { quoted } from "../text/quoted.ts";
import { hasAtMost } from "../text/text_length.ts";

export const LABEL_NAME = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;

/** The same in words. */
export const LABEL_NAME_RULE =
  "must be 1 to 63 letters, digits, and (not first or last) any of ._/-";

/** The most labels of a job. */
export const MAX_LABELS = 64;

export const MAX_LABEL_VALUE_LENGTH = 256;

/**
 * Refuses labels that cannot be shown in a table or written in a filter.
 *
 * @throws `invalid_argument`, naming the label and what is accepted
 */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  const refuse = (what: string) =>
    new JobWorkerError("invalid_argument", `Invalid labels: ${what}`, { field: "labels" });
  if (entries.length > MAX_LABELS) {
    throw refuse(`${entries.length} of them, and at most ${MAX_LABELS} are accepted`);
  }
  for (const [name, value] of entries) {
    if (!LABEL_NAME.test(name)) {
      throw refuse(`the name ${quoted(name)} ${LABEL_NAME_RULE}`);
    }
    if (!hasAtMost(value, MAX_LABEL_VALUE_LENGTH) || /\p{Cc}/u.test(value)) {
      throw refuse(
        `the value of ${quoted(name)} must be at most ${MAX_LABEL_VALUE_LENGTH} characters, ` +
          `without control characters`,
      );
    }
  }
}
