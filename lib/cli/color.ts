import type { Settings } from "./invocation.ts";
import type { Output } from "./io.ts";
import type { JobStatus, Unknown } from "./job_client.ts";

/** SGR codes of ECMA-48. */
const CODES: Readonly<Record<JobStatus | Unknown, number>> = {
  running: 36,
  done: 32,
  failed: 31,
  cancelled: 33,
  unknown: 35,
};

/** Colours a text by the status it tells of. */
export type Paint = (text: string, status: JobStatus | Unknown) => string;

/** Paints on a terminal whose user does not mind; elsewhere it leaves text as it is. */
export function paintFor(output: Output, settings: Settings): Paint {
  if (!output.isTerminal || !settings.color) return (text) => text;
  return (text, status) => `\x1b[${CODES[status]}m${text}\x1b[39m`;
}
