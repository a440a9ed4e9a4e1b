/**
 * The schema library with error messages of our own. Nothing else imports the library, so that nobody
 * sees its messages.
 *
 * @module
 */

import * as z from "zod";
import { JobWorkerError } from "../errors.ts";
import { quoted } from "./quoted.ts";

export * from "zod";

/**
 * A list that is looked at no further than to its first fault, which is the only one that is told. The library finds
 * all of them, at a hundred times the cost of an entry that is as it should be.
 */
export function list<Item extends z.ZodType>(item: Item, max: number): z.ZodArray<Item> {
  const { $schema: _, ...items } = z.toJSONSchema(item, { io: "input" });
  const entries = z.array(z.unknown()).superRefine((entries, issues) => {
    if (entries.length > max) {
      issues.addIssue({ code: "custom", message: `must have at most ${max} entries` });
      return;
    }
    for (const [index, entry] of entries.entries()) {
      const fault = item.safeParse(entry).error?.issues[0];
      if (fault === undefined) continue;
      const path = [index, ...fault.path];
      issues.addIssue({ code: "custom", message: fault.message, path });
      return;
    }
  }).meta({ items });
  return entries as unknown as z.ZodArray<Item>;
}

/** What people call the types of a schema. */
const TYPES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  Uint8Array: "bytes",
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: "an RFC 3339 date and time with a time zone, such as 2026-07-31T09:30:00Z",
  base64: "base64",
  uuid: "a UUID",
};

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

z.config({ customError: ruleOf });

/** Says what would be accepted, for schemas that do not say so themselves. */
function ruleOf(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return issue.values.length === 1
        ? `must be ${JSON.stringify(issue.values[0])}`
        : `must be one of ${listOf(issue.values)}`;
    case "too_small":
      return `must ${boundOf(issue.origin, "at least", Number(issue.minimum))}`;
    case "too_big":
      return `must ${boundOf(issue.origin, "at most", Number(issue.maximum))}`;
    case "invalid_format":
      return `must be ${FORMATS[issue.format] ?? `a string like ${issue.pattern}`}`;
    case "unrecognized_keys":
      return `has no field ${listOf(issue.keys.map((key) => key.slice(0, 60)))}${fieldsOf(issue)}`;
    case "invalid_union": {
      const options = Reflect.get(issue, "options");
      if (Array.isArray(options)) return `must be one of ${listOf(options)}`;
      return [...new Set(issue.errors.flatMap(([first]) => first?.message ?? []))].join(", or ");
    }
    default:
      return "is not accepted";
  }
}

/** Which fields there are. */
function fieldsOf({ inst }: RawIssue): string {
  const fields = inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
  return fields.length === 0 ? "" : `, only ${fields.join(", ")}`;
}

function boundOf(origin: string, bound: string, value: number): string {
  if (origin === "string") return `have ${bound} ${value} characters`;
  if (origin === "array" || origin === "set") return `have ${bound} ${value} entries`;
  return `be ${bound} ${value}`;
}

function listOf(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}

/** The longest name of a field that a message repeats. */
const MAX_FIELD_LENGTH = 80;

/**
 * Reads a value by a schema.
 *
 * @param whole what to call the value where all of it is wrong
 * @throws {JobWorkerError} `invalid_argument`: the message names the field, its value and what is accepted
 */
export function read<T>(schema: z.ZodType<T>, value: unknown, whole: string): T {
  const { data, error, success } = schema.safeParse(value);
  if (success) return data;
  const issue = error.issues[0];
  if (issue === undefined) throw new TypeError("A schema refuses a value without saying why");
  const inner = issue.code === "invalid_key" ? issue.issues[0] : undefined;
  const path = inner === undefined ? issue.path : issue.path.slice(0, -1);
  const rule = inner === undefined
    ? issue.message
    : `the name ${quoted(issue.path.at(-1))} ${inner.message}`;
  const field = path.join(".").slice(0, MAX_FIELD_LENGTH);
  throw new JobWorkerError(
    "invalid_argument",
    `${stateOf(field, path, value)}${field || whole}${valueOf(path, value)}: ${rule}`,
    field === "" ? {} : { field },
  );
}

function at(path: readonly PropertyKey[], value: unknown): unknown {
  return path.reduce<unknown>(
    (part, key) => Object(part) === part ? Reflect.get(Object(part), key) : undefined,
    value,
  );
}

function stateOf(field: string, path: readonly PropertyKey[], value: unknown): string {
  return field !== "" && at(path, value) === undefined ? "Missing " : "Invalid ";
}

/** Leaves out what is large, and environment variables, which often hold secrets. */
function valueOf(path: readonly PropertyKey[], value: unknown): string {
  const found = at(path, value);
  if (path.length === 0 || found === undefined || Object(found) === found) return "";
  return path.includes("env") ? "" : ` ${quoted(found)}`;
}
