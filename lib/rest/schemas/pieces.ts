/**
 * What the messages of the API are made of.
 *
 * @module
 */

import { readDateTime } from "../../text/date_time.ts";
import * as z from "../../text/zod.ts";
import { MAX_ENTRIES } from "../../job/max_entries.ts";
import * as fields from "../../service/fields.ts";
import { JOB_STATUSES, type Unknown } from "../../job/types.ts";

/** The messages that have a name in the OpenAPI document. */
export const named = z.registry<{ id: string }>();

export const jobId = about(
  fields.jobId.meta({ ...fields.jobId.meta(), format: "uuid" }),
  "A UUIDv7.",
);

/** No keyword says it, because so many do not fit into a body unless they are short. */
export const ARGUMENTS = `At most ${MAX_ENTRIES["command.args"]}.`;

export const PROGRAM = "A path, or a name to look up in PATH. No shell is involved.";

/** A field with a description added to what it may hold. */
export function about<T extends z.ZodType>(field: T, description: string): T {
  return field.meta({ ...field.meta(), description });
}

export const dateTime = z.iso.datetime({
  offset: true,
  error: ({ input }) => dateTimeFault(input),
});

/** What is wrong with a date; `undefined` if the general message says it. */
function dateTimeFault(input: unknown): string | undefined {
  const fault = typeof input === "string" ? readDateTime(input) : undefined;
  return typeof fault === "string" ? fault : undefined;
}

/**
 * One of these words in an answer. A newer version of the daemon may have stored others before a downgrade, and a
 * newer daemon may send others: clients read them as `unknown`.
 */
export function oneOf<const Words extends readonly string[]>(
  words: Words,
): z.ZodType<Words[number] | Unknown, string> {
  return z.string().transform((text) => words.find((word) => word === text) ?? "unknown" as const)
    .meta({ type: "string", enum: [...words, "unknown"] });
}

export const jobStatus = about(
  oneOf(JOB_STATUSES),
  "`cancelled`: a user stopped it, or the daemon shut down. Newer daemons may have more " +
    "statuses; treat one that you do not know as `unknown`.",
);

export const labels = z.record(z.string(), z.string());

export const bytes = z.int().min(0);

/** The outputs that are asked for. */
export const stream = z.enum(["stdout", "stderr", "both"]).default("both");

export const flag = z.enum(["0", "1", "false", "true"]);

export const labelPairs = z.array(fields.labelPair)
  .refine(
    (pairs) => pairs.length <= fields.MAX_LABELS && isSet(pairs.map((pair) => pair.split("=")[0])),
    { error: `must be at most ${fields.MAX_LABELS} labels, each name once` },
  )
  .meta({ maxItems: fields.MAX_LABELS, uniqueItems: true });

export function isSet(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}
