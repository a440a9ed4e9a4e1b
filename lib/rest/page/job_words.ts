/**
 * How the page words a job.
 *
 * @module
 */

import { html } from "hono/html";
import { formatSpan } from "../../text/duration.ts";
import { dateText } from "../../job/job_words.ts";
import { type Job, statusOf } from "../../job/types.ts";
import type { Html } from "./layout.ts";

export function statusBadge(job: Job): Html {
  const status = statusOf(job);
  return html`<span class="badge ${status}">${status}</span>`;
}

/** How long ago a time was; the time itself is in the markup. */
export function ageText(time: number, now: number): Html {
  const date = dateText(time);
  return html`<time datetime="${date}" title="${date}">${formatSpan(now - time)} ago</time>`;
}

/** How it ended, such as `"exit code 3"`, and why if that says more; `""` while it runs. */
export function endText({ end }: Job): string {
  if (end === null) return "";
  const { exitStatus, reason, detail, ...more } = end;
  // The status is a badge, and the time is in the duration; another field does not compile.
  null as unknown as keyof typeof more satisfies "status" | "finishedAt";
  const how = exitStatus === null
    ? []
    : ["code" in exitStatus ? `exit code ${exitStatus.code}` : `signal ${exitStatus.signal}`];
  const why = ["exited", "signaled"].includes(reason) ? [] : [reason.replaceAll("_", " ")];
  return [...how, ...why, ...detail === undefined ? [] : [detail]].join(", ");
}
