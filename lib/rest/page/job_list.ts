import { html } from "hono/html";
import { authorize } from "../../auth/authorize.ts";
import type { Identity } from "../../auth/identity.ts";
import { METHODS } from "../../service/methods.ts";
import { type Job, JOB_STATUSES, type JobStatus } from "../../job/types.ts";
import { commandText, tookText } from "../../job/job_words.ts";
import { ageText, statusBadge } from "./job_words.ts";
import { type Html, layout } from "./layout.ts";

/** What {@linkcode jobListPage} needs besides the jobs. */
export interface JobListView {
  readonly identity: Identity;
  /** `""`: any status. */
  readonly status: JobStatus | "";
  /** The search text. */
  readonly q: string;
  /** `""` on the last page. */
  readonly nextPageToken: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Whether every word of a search is in the job's command, id, owner or labels. */
export function matches(job: Job, search: string): boolean {
  const labels = Object.entries(job.labels).map(([name, value]) => `${name}=${value}`);
  const text = [commandText(job), job.jobId, job.owner, job.host ?? "", ...labels].join("\n")
    .toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** The jobs, newest first, and for those who may start one, a form for that. */
export function jobListPage(jobs: readonly Job[], view: JobListView): Html {
  const { identity, now } = view;
  const hasHosts = jobs.some(({ host }) => host !== undefined);
  const mayStart = authorize(identity, METHODS.startJob.rule).kind === "allowed";
  const content = html`
    <h1>Jobs</h1>
    ${mayStart && startForm()}
    <form id="filter" class="bar" role="search" action="/">
      <label>Status
        <select name="status">
          <option value="">any</option>
          ${JOB_STATUSES.map((status) =>
            html`<option ${status === view.status && "selected"}>${status}</option>`
          )}
        </select>
      </label>
      <label class="wide">Search
        <input type="search" name="q" value="${view.q}" placeholder="command, owner, id, label"
          autocomplete="off" spellcheck="false">
      </label>
      <noscript><button>Show</button></noscript>
    </form>
    <table>
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">Command</th>
          ${hasHosts && html`<th scope="col">Host</th>`}
          <th scope="col">Owner</th>
          <th scope="col">Started</th>
          <th scope="col">Duration</th>
        </tr>
      </thead>
      <tbody id="jobs" data-live>${jobs.map((job) => row(job, now, hasHosts))}</tbody>
    </table>
    <div id="count" class="quiet" data-live aria-live="polite">
      <p>${countText(jobs.length)}</p>
    </div>
    <div id="older" data-live>${olderLink(view)}</div>
  `;
  return layout("Jobs - Job Worker", content, identity);
}

/** Only the script sends it: `dialog` keeps browsers from putting a command line into an address. */
function startForm(): Html {
  return html`
    <details class="card">
      <summary>Start a job</summary>
      <form id="start" method="dialog">
        <label>Command line, run by <code>sh -c</code>
              <input name="line" required autocomplete="off" autocapitalize="off" spellcheck="false">
            </label>
        <label>Working directory <span class="quiet">(absolute path; empty: the default)</span>
              <input name="workingDirectory" autocomplete="off" autocapitalize="off" spellcheck="false">
            </label>
        <label
          class="check"><input type="checkbox" name="queue"> Wait in the queue if too many jobs run</label>
        <button class="primary">Start</button>
      </form>
    </details>
  `;
}

function row(job: Job, now: number, hasHosts: boolean): Html {
  const { jobId, owner, startedAt, host = "" } = job;
  return html`
    <tr id="row-${jobId}">
      <td>${statusBadge(job)}</td>
      <td
        class="command"><a id="link-${jobId}" href="/jobs/${jobId}"><code>${commandText(
          job,
        )}</code></a></td>
      ${hasHosts && html`<td data-label="Host">${host}</td>`}
      <td data-label="Owner"><bdi>${owner}</bdi></td>
      <td data-label="Started">${ageText(startedAt, now)}</td>
      <td data-label="Duration">${tookText(job, now)}</td>
    </tr>
  `;
}

function countText(count: number): string {
  return count === 0 ? "No jobs" : count === 1 ? "1 job" : `${count} jobs`;
}

function olderLink({ status, q, nextPageToken }: JobListView): Html | null {
  if (nextPageToken === "") return null;
  const query = new URLSearchParams({ status, q, page: nextPageToken });
  return html`<p><a id="older-link" href="/?${query}">Older jobs</a></p>`;
}
