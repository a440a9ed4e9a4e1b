/**
 * How the page words a job.
 *
 * @module
 */

import { html } from "hono/html";
import { formatSpan } from "../../text/duration.ts";
import { printableLines } from "../../text/printable.ts";
import { dateText, endWords, statusText, tookText } from "../../job/job_words.ts";
import { type Job, statusOf } from "../../job/types.ts";
import type { Html } from "./layout.ts";

export function statusBadge(job: Job): Html {
  return html`<span class="badge ${statusOf(job)}">${statusText(job)}</span>`;
}

/** A length of time that grows while somebody looks, in whole seconds; `ages.js` goes on with it. */
export function liveSpan(ms: number): string {
  return formatSpan(Math.max(0, Math.floor(ms / 1000)) * 1000);
}

/** How long ago a time was; the time itself is in the markup. `""` for none. */
export function ageText(time: number | null, now: number): Html | "" {
  if (time === null) return "";
  const date = dateText(time);
  return html`<time datetime="${date}" title="${date}">${liveSpan(now - time)} ago</time>`;
}

/** How long it ran, or has run until now. */
export function durationText(job: Job, now: number): Html | string {
  const { startedAt, end } = job;
  if (startedAt === null || end !== null) return tookText(job, now);
  const date = dateText(startedAt);
  return html`<time class="since" datetime="${date}">${liveSpan(now - startedAt)}</time>`;
}

/** How it ended, such as `"exit code 3"`, and more about that; `""` while it runs. */
export function endText({ end }: Job): string {
  if (end === null) return "";
  return [...endWords(end), ...end.detail === undefined ? [] : [end.detail]].join(", ");
}

/** What remains to be said of an end beside the exit status: that it was lost, out of time or never began. */
export function whyText({ end }: Job): string {
  if (end === null) return "";
  return endText({ end: { ...end, exitStatus: null } } as Job);
}

/** The exit code, or the signal; `""` if there is none. */
export function exitText({ end }: Job): string {
  const exit = end?.exitStatus ?? null;
  return exit === null ? "" : "code" in exit ? String(exit.code) : exit.signal;
}

/** The command as it would be typed, with the line ends that it has; other control characters as escapes. */
export function commandLines({ command }: Job): string {
  return printableLines([command.name, ...command.args].map(quotedWord).join(" "));
}

/** The most characters of a command on one line: no window shows as many, and it may have megabytes. */
const MAX_LINE = 500;

/** The same as one line, which ends with `…` if that is not all. */
export function commandLine(job: Job): string {
  const line = commandLines(job).replace(/\s*\n\s*/g, " ↵ ");
  return line.length <= MAX_LINE ? line : `${line.slice(0, MAX_LINE)}…`;
}

/** A word as every shell reads it. */
export function quotedWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The name of a job, if it has one. */
export function nameOf(job: Job): string {
  const { name = "" } = job as Job & { readonly name?: string };
  return name;
}
