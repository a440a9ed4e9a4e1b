/**
 * What the fields of requests may hold. Checks and documents are made from the same schemas, so each of them
 * also says in JSON Schema what it accepts.
 *
 * @module
 */

import { JOB_ID } from "../ids.ts";
import { HOST_NAME, MAX_PRIORITY } from "../job/host.ts";
import { SIGNALS } from "../job/signals.ts";
import { hasAtMost } from "../text/text_length.ts";
import {
  MAX_ARGUMENT_BYTES,
  MAX_ARGUMENTS,
  MAX_NAME_BYTES,
  MAX_PATH_BYTES,
  MAX_VARIABLES,
} from "../job/command.ts";
import {
  MAX_GRACE_PERIOD_MS,
  MAX_TIMEOUT_MS,
  MIN_MEMORY_BYTES,
  UMASK,
  USER_NAME,
} from "../job/execution.ts";
import { JOB_NAME, JOB_NAME_RULE } from "../job/job_name.ts";
import { LABEL_NAME, LABEL_NAME_RULE, MAX_LABEL_VALUE_LENGTH, MAX_LABELS } from "../job/labels.ts";
import { MIN_LOG_LIMIT_BYTES } from "../job/log_limit.ts";
import { MAX_NOTIFY_URL_LENGTH, NOTIFY_URL_RULE } from "../job/notification.ts";
import { parseSignal } from "../job/parse_signal.ts";
import * as z from "../text/zod.ts";
import { list } from "../text/zod.ts";
import { JOB_METHODS, MAX_OUTPUT_BYTES } from "./methods.ts";

export { MAX_LABELS };

/** How many jobs are on a page by default. */
export const DEFAULT_PAGE_SIZE = 100;

/** A text with a length in characters and a pattern, which is one of JSON Schema: for the flag `u`. */
export function text(
  { max, pattern, error }: { max?: number; pattern: string; error: string },
): z.ZodString {
  const regExp = new RegExp(pattern, "u");
  return z.string().refine(
    (value) => (max === undefined || hasAtMost(value, max)) && regExp.test(value),
    { error },
  ).meta({ pattern, ...(max !== undefined && { maxLength: max }) });
}

/** A whole number. */
export function whole(max: number, min = 0): z.ZodNumber {
  const error = `must be a whole number from ${min} to ${max}`;
  // The same message is used for what is not a number at all.
  return z.number({ error }).refine(
    (value) => Number.isSafeInteger(value) && value >= min && value <= max,
    { error },
  ).meta({ type: "integer", minimum: min, maximum: max });
}

/** A text without control characters. */
export function printable(max: number): z.ZodString {
  return text({
    max,
    pattern: String.raw`^[^\u0000-\u001f\u007f-\u009f]*$`,
    error: `must be at most ${max} characters, without control characters`,
  });
}

export const jobId = text({
  pattern: JOB_ID.source,
  error: "must be a job id, a UUID like 01890a5d-ac96-774b-bcce-b302099a8057",
});

export const notifyUrl = text({
  max: MAX_NOTIFY_URL_LENGTH,
  pattern: "^https://[^#]+$",
  error: NOTIFY_URL_RULE,
});

export const pageToken = text({
  pattern: `^$|${JOB_ID.source}`,
  error: "must be a token from the page before",
});

export const jobIdPrefix = text({
  pattern: String.raw`^[0-9a-f-]{0,36}$`,
  error: "must be the beginning of a job id: up to 36 of 0-9, a-f and -",
});

/** What the lines of the audit trail are about. */
const AUDITED: readonly string[] = ["connect", "login", "logout", "fleet", ...JOB_METHODS];
export const auditMethod = z.string().refine((value) => AUDITED.includes(value), {
  error: `must be one of ${AUDITED.join(", ")}`,
}).meta({ enum: AUDITED });
export const auditPosition = text({
  pattern: String.raw`^[0-9a-f]{16}:\d{1,15}$`,
  error: "must be the position of an earlier answer",
});

/** Short ends are those of so many jobs that all of these would have to be sorted. */
export const jobIdSuffix = text({
  pattern: "^[0-9a-f-]{4,36}$",
  error: "must be the end of a job id: 4 to 36 of 0-9, a-f and -",
});

/** The name of a job. */
export const jobName = text({ pattern: JOB_NAME.source, error: JOB_NAME_RULE });

export const hostName = text({
  pattern: HOST_NAME.source,
  error: "must be the name of a host: 1 to 63 of a-z, 0-9 and -",
});

export const priority = whole(MAX_PRIORITY, -MAX_PRIORITY);

export const position = whole(Number.MAX_SAFE_INTEGER);
export const outputBytes = whole(MAX_OUTPUT_BYTES);
export const tailLines = whole(1_000_000_000);
export const owner = printable(64);
export const requestId = printable(128);

function atMostLabels<T extends z.ZodRecord>(labels: T): T {
  return labels.refine((labels) => Object.keys(labels).length <= MAX_LABELS, {
    error: `must be at most ${MAX_LABELS} labels`,
  }).meta({ maxProperties: MAX_LABELS });
}

export const MAX_LABEL_NAME_LENGTH = 63;
export const labelValue = printable(MAX_LABEL_VALUE_LENGTH);
/** The labels of a filter. Names that no job can have are accepted and match nothing. */
export const labelFilter = atMostLabels(z.record(printable(MAX_LABEL_NAME_LENGTH), labelValue));
/** The labels of a new job. */
export const labels = atMostLabels(z.record(
  text({
    pattern: LABEL_NAME.source,
    error: LABEL_NAME_RULE,
  }),
  labelValue,
));

/** A label of a filter, as `NAME=VALUE`. */
export const labelPair = text({
  pattern: String.raw`^[^=\u0000-\u001f\u007f-\u009f]{1,63}=[^\u0000-\u001f\u007f-\u009f]{0,256}$`,
  error: "must be NAME=VALUE, of at most 63 and 256 characters, without control characters",
});

// What execve(2) passes on. Its limits are in bytes, and a character has one to four of them.
const ends = "without NUL or a line end";
export const commandName = text({
  max: MAX_PATH_BYTES,
  pattern: String.raw`^(?:[^\u0000\n/]{1,${MAX_NAME_BYTES}}|[^\u0000\n]*/[^\u0000\n]*)$`,
  error: `must be a path of at most ${MAX_PATH_BYTES} bytes, or a name of at most ` +
    `${MAX_NAME_BYTES}, ${ends}`,
});
const argument = text({
  max: MAX_ARGUMENT_BYTES - 1,
  pattern: String.raw`^[^\u0000]*$`,
  error: `must be less than ${MAX_ARGUMENT_BYTES} bytes, without NUL`,
});
export const args = list(argument, MAX_ARGUMENTS);

export function atMostVariables<T extends z.ZodRecord>(variables: T): T {
  return variables.refine((variables) => Object.keys(variables).length <= MAX_VARIABLES, {
    error: `must be at most ${MAX_VARIABLES} variables`,
  }).meta({ maxProperties: MAX_VARIABLES });
}

export const variables = atMostVariables(z.record(
  text({ pattern: String.raw`^[^\u0000=]+$`, error: "must be one without NUL or =" }),
  text({
    max: MAX_ARGUMENT_BYTES - 3,
    pattern: String.raw`^[^\u0000]*$`,
    error: `must be, with the name, less than ${MAX_ARGUMENT_BYTES} bytes, without NUL`,
  }),
));
export const workingDirectory = text({
  max: MAX_PATH_BYTES,
  pattern: String.raw`^$|^/[^\u0000\n]*$`,
  error: `must be an absolute path of at most ${MAX_PATH_BYTES} bytes, ${ends}`,
});

export const logLimitBytes = whole(Number.MAX_SAFE_INTEGER, MIN_LOG_LIMIT_BYTES);
export const user = text({ pattern: USER_NAME.source, error: "must be the name of a user" });
export const umask = text({ pattern: UMASK.source, error: 'must be octal, such as "022"' });
export const nice = whole(19, -20);
export const timeoutMs = whole(MAX_TIMEOUT_MS);
export const gracePeriodMs = whole(MAX_GRACE_PERIOD_MS);
export const memoryBytes = whole(Number.MAX_SAFE_INTEGER, MIN_MEMORY_BYTES);
export const cpus = z.number().min(0.01).max(4096);
export const processes = whole(4_194_304, 1);

const SIGNAL_PATTERN = `^(?:SIG)?(?:${SIGNALS.join("|")}|RTMIN(?:\\+(?:[0-9]|[12][0-9]|30))?|` +
  "RTMAX(?:-(?:[0-9]|[12][0-9]|30))?)$|^(?:0?[1-9]|[12][0-9]|3[0-14-9]|[45][0-9]|6[0-4])$";

/** The document names the signals of signal(7); lower case is accepted as well. */
export const signal = z.string().superRefine((value, issues) => {
  try {
    parseSignal(value);
  } catch {
    issues.addIssue({ code: "custom", message: "must be a signal of signal(7), such as SIGTERM" });
  }
}).meta({ pattern: SIGNAL_PATTERN });
export const stopSignal = z.string().superRefine((value, issues) => {
  const fault = value === "" ? undefined : signal.safeParse(value).error?.issues[0];
  if (fault !== undefined) issues.addIssue({ code: "custom", message: fault.message });
}).meta({ pattern: `^$|${SIGNAL_PATTERN}` });
