/**
 * How the page words a job.
 *
 * @module
 */

import { html } from "hono/html";
import { formatSpan } from "../../text/duration.ts";
import { dateText, endWords, statusText } from "../../job/job_words.ts";
import { type Job, statusOf } from "../../job/types.ts";
import type { Html } from "./layout.ts";

export function statusBadge(job: Job): Html {
  return html`<span class="badge ${statusOf(job)}">${statusText(job)}</span>`;
}

/** How long ago a time was; the time itself is in the markup. `""` for none. */
export function ageText(time: number | null, now: number): Html | "" {
  if (time === null) return "";
  const date = dateText(time);
  return html`<time datetime="${date}" title="${date}">${formatSpan(now - time)} ago</time>`;
}

/** How it ended, such as `"exit code 3"`, and more about that; `""` while it runs. */
export function endText({ end }: Job): string {
  if (end === null) return "";
  return [...endWords(end), ...end.detail === undefined ? [] : [end.detail]].join(", ");
}
