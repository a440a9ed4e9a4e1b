/**
 * How the page words a job.
 *
 * @module
 */

import { html } from "hono/html";
import { formatSpan, formatTook } from "../../duration.ts";
import { shellWords } from "../../printable.ts";
import { type Job, statusOf } from "../../job/types.ts";
import type { Html } from "./layout.ts";

/** The command as it would be typed into a shell. */
export function commandText({ command }: Job): string {
  return shellWords([command.name, ...command.args]);
}

export function statusBadge(job: Job): Html {
  const status = statusOf(job);
  return html`<span class="badge ${status}">${status}</span>`;
}

/** How long the job ran, or has run so far; of a lost job, for how long it is known to have run. */
export function durationText({ startedAt, end }: Job, now: number): string {
  const span = end === null ? formatSpan(now - startedAt) : formatTook(end.finishedAt - startedAt);
  return end?.reason === "lost" ? `at least ${span}` : span;
}

/** A time as its distance from now; the time itself is in the markup. */
export function ageText(time: number, now: number): Html {
  const date = new Date(time).toISOString();
  return html`<time datetime="${date}" title="${date}">${formatSpan(now - time)} ago</time>`;
}

/** How it ended, `"exit code 3"`, and why if that says more; `""` while it runs. */
export function endText({ end }: Job): string {
  if (end === null) return "";
  const { exitStatus, reason, detail } = end;
  const how = exitStatus === null
    ? []
    : ["code" in exitStatus ? `exit code ${exitStatus.code}` : `signal ${exitStatus.signal}`];
  const why = ["exited", "signaled"].includes(reason) ? [] : [reason.replaceAll("_", " ")];
  return [...how, ...why, ...detail === undefined ? [] : [detail]].join(", ");
}
