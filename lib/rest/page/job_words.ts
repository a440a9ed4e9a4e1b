/**
 * How the page words a job.
 *
 * @module
 */

import { html } from "hono/html";
import { formatDuration } from "../../duration.ts";
import { type Job, statusOf } from "../../worker/types.ts";
import type { Html } from "./layout.ts";

/** The command as it would be typed into a shell. */
export function commandText({ command }: Job): string {
  return [command.name, ...command.args]
    .map((word) => /^[\w%+,./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
    .join(" ");
}

export function statusBadge(job: Job): Html {
  const status = statusOf(job);
  return html`<span class="badge ${status}">${status}</span>`;
}

/** How long the job ran, or has run so far. */
export function durationText(job: Job, now: number): string {
  return spanText((job.end?.finishedAt ?? now) - job.startedAt);
}

/** A time as its distance from now; the time itself is in the markup. */
export function ageText(time: number, now: number): Html {
  const date = new Date(time).toISOString();
  return html`<time datetime="${date}" title="${date}">${spanText(now - time)} ago</time>`;
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

/** The two largest units, in whole seconds unless it is shorter than one. */
function spanText(ms: number): string {
  // Clocks are set back.
  const span = Math.max(0, ms);
  return formatDuration(span < 1000 ? span : span - span % 1000, { units: 2 });
}
