/**
 * Log records over OpenTelemetry. The runtime makes them of what is said by `console`, which it also prints unless
 * `OTEL_DENO_CONSOLE=replace`. Then only: standard output may be a pipe to another process of ours, and what is to be
 * printed is printed already.
 *
 * @module
 */

import { isTracing } from "./trace.ts";

/** The variable that says what becomes of `console`. */
export const CONSOLE_VARIABLE = "OTEL_DENO_CONSOLE";

/** Where the severities of OpenTelemetry come from. */
export type Severity = "debug" | "info" | "warn" | "error";

/** Sends a line to whoever collects log records; `null` if nobody does. It belongs to the span that is under way. */
export const collectLine: ((severity: Severity, line: string) => void) | null = isCollected()
  // deno-lint-ignore no-console -- It prints nothing.
  ? (severity, line) => console[severity]("%s", line)
  : null;

function isCollected(): boolean {
  try {
    return isTracing && Deno.env.get(CONSOLE_VARIABLE) === "replace";
  } catch {
    // Who may not know gets no answer, rather than what they must not print.
    return false;
  }
}
