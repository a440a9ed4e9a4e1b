import type { Settings } from "./invocation.ts";
import type { Output } from "./io.ts";
import type { JobStatus, Unknown } from "./job_client.ts";

/** SGR codes, see ECMA-48. */
const CODES: Readonly<Record<JobStatus | Unknown, number>> = {
  queued: 34,
  running: 36,
  done: 32,
  failed: 31,
  cancelled: 33,
  unknown: 35,
};

/** Colours a text according to a status. */
export type Paint = (text: string, status: JobStatus | Unknown) => string;

/**
 * Colours text on a terminal, unless the user does not want that; elsewhere text stays as it is.
 */
export function paintFor(output: Output, settings: Settings): Paint {
  if (!output.isTerminal || !settings.color) return (text) => text;
  return (text, status) => `\x1b[${CODES[status]}m${text}\x1b[39m`;
}
