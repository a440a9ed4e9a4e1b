/**
 * Jobs in words, the same for the CLI and the page.
 *
 * @module
 */

import { formatSpan, formatTook } from "../text/duration.ts";
import { shellWords } from "../text/printable.ts";
import type { Job } from "./types.ts";

/** Milliseconds since the Unix epoch as RFC 3339, in UTC. */
export function dateText(time: number): string {
  return new Date(time).toISOString();
}

/** The command as it would be typed into a shell. */
export function commandText({ command }: Job): string {
  return shellWords([command.name, ...command.args]);
}

/** How long a job ran, or has run until `now`; for a lost job, how long it is known to have run. */
export function tookText(job: Job, now: number): string {
  const { startedAt, end } = job;
  const span = end === null ? formatSpan(now - startedAt) : formatTook(end.finishedAt - startedAt);
  return isLost(job) ? `at least ${span}` : span;
}

/** Whether nobody knows how the job ended. */
export function isLost({ end }: Job): boolean {
  return end?.reason === "lost";
}
