import { invalidArgument } from "../errors.ts";
import { quoted } from "../text/quoted.ts";
import type { ZodType } from "../text/zod.ts";

/**
 * Refuses a value that a schema does not accept.
 *
 * @param name of the flag or argument, as the error names it
 * @throws {JobWorkerError} `invalid_argument`, naming the value and what is accepted
 */
export function checkFlag(name: string, value: unknown, schema: ZodType): void {
  const [issue] = schema.safeParse(value).error?.issues ?? [];
  if (issue !== undefined) throw invalidArgument(`${name} ${quoted(value)}: ${issue.message}`);
}
