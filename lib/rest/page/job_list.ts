import { html } from "hono/html";
import type { Identity } from "../../auth/identity.ts";
import { MAX_COUNTED, type StatusCounts } from "../../job/status_counts.ts";
import { type Job, JOB_STATUSES, type JobStatus } from "../../job/types.ts";
import { iconOf } from "./icon.ts";
import {
  ageText,
  commandLine,
  commandLines,
  durationText,
  endText,
  exitText,
  nameOf,
  statusBadge,
  whyText,
} from "./job_words.ts";
import { labelsOf } from "../handlers.ts";
import { type Html, type Layout, layout, type Reader } from "./layout.ts";

/** Which jobs the address asks for. An empty member is about all of them. */
export interface ListQuery {
  readonly status: JobStatus | "";
  readonly owner: string;
  readonly host: string;
  /** `NAME=VALUE` each. */
  readonly label: readonly string[];
  /** The search text. */
  readonly q: string;
}

/** What {@linkcode jobListPage} needs besides the jobs. */
export interface JobListView {
  readonly reader: Reader;
  readonly query: ListQuery;
  /** How many jobs there are, whatever is searched for; `null` on the pages with older jobs. */
  readonly counts: StatusCounts | null;
  /** `""` on the last page. */
  readonly nextPageToken: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Whether every word of a search is in the job's command, id, owner, host or labels. */
export function matches(job: Job, search: string): boolean {
  const labels = Object.entries(job.labels).map(([name, value]) => `${name}=${value}`);
  const text = [commandLines(job), job.jobId, job.owner, job.host ?? "", ...labels].join("\n")
    .toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** The jobs, newest first, a line for each. */
export function jobListPage(jobs: readonly Job[], view: JobListView): Html {
  const { reader, query, counts, now } = view;
  const running = counts?.running ?? 0;
  const content = html`
    <h1 class="unseen">Jobs</h1>
    <div class="bar">
      <nav id="tally" class="tally" aria-label="Status" data-live>${counts &&
        statusLinks(query, counts)}</nav>
      <form id="filter" role="search" action="/">
        ${hiddenFields(query)}
        <input type="search" name="q" value="${query.q}" aria-label="Search" autocomplete="off"
          placeholder="Search: command, owner, id, label" spellcheck="false">
        <noscript><button>Search</button></noscript>
      </form>
    </div>
    ${chosen(query)}
    <table id="list" class="${emptyColumns(jobs, reader.identity)}">
      <thead>
        <tr>
          ${COLUMNS.map((name) => html`<th scope="col" class="${name.toLowerCase()}">${name}</th>`)}
        </tr>
      </thead>
      <tbody id="jobs">${jobs.map((job) => row(job, query, now))}</tbody>
    </table>
    <p id="count" class="quiet" data-live aria-live="polite">${countText(jobs.length)}</p>
    <p id="older">${olderLink(view)}</p>
  `;
  return layout(content, {
    title: `${running > 0 ? `(${running}) ` : ""}Jobs - Job Worker`,
    icon: iconOf("running", running),
    reader,
    watch: watchOf(query),
  });
}

/** Whose changes are changes of the list: also those that it does not show, since it counts them. */
function watchOf({ owner, host, label }: ListQuery): NonNullable<Layout["watch"]> {
  return {
    ...(owner !== "" && { owner }),
    ...(host !== "" && { host }),
    ...(label.length > 0 && { labels: labelsOf(label) }),
  };
}

const COLUMNS = ["Status", "Exit", "Job", "Labels", "Host", "Owner", "Started", "Duration"];

/** The address of a list that is like another but for some members. */
function listAddress(query: ListQuery, change: Partial<ListQuery & { page: string }>): string {
  const pairs = Object.entries({ ...query, ...change })
    .flatMap(([name, value]) => [value].flat().map((text) => [name, text]))
    .filter(([, text]) => text !== "");
  return pairs.length === 0 ? "/" : `/?${new URLSearchParams(pairs)}`;
}

/** How many jobs there are of each status, as links to them. */
function statusLinks(query: ListQuery, counts: StatusCounts): Html[] {
  const link = (status: JobStatus | "", name: string, count: string) =>
    html`
      <a id="status-${name}" class="${name}" href="${listAddress(query, { status })}"
        ${status === query.status && html`aria-current="true"`}>${name} <b>${count}</b></a>
    `;
  const amount = (count: number, isMore: boolean) =>
    `${count.toLocaleString("en")}${isMore ? "+" : ""}`;
  const each = JOB_STATUSES.map((status) => counts[status]);
  const all = each.reduce((sum, count) => sum + count, 0);
  return [
    link("", "all", amount(all, each.includes(MAX_COUNTED))),
    ...JOB_STATUSES.map((status) =>
      link(status, status, amount(counts[status], counts[status] === MAX_COUNTED))
    ),
  ];
}

/** What a search keeps of the other filters. */
function hiddenFields({ status, owner, host, label }: ListQuery): Html[] {
  const fields = [["status", status], ["owner", owner], ["host", host]] as const;
  return [...fields, ...label.map((pair) => ["label", pair] as const)]
    .filter(([, value]) => value !== "")
    .map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
}

/** The filters in force that are not in sight otherwise, as links that lift them. */
function chosen(query: ListQuery): Html | false {
  const { owner, host, label } = query;
  const lifts: [string, Partial<ListQuery>][] = [
    ...owner === "" ? [] : [[`owner ${owner}`, { owner: "" }]] as [string, Partial<ListQuery>][],
    ...host === "" ? [] : [[`host ${host}`, { host: "" }]] as [string, Partial<ListQuery>][],
    ...label.map((pair): [string, Partial<ListQuery>] => [
      pair,
      { label: label.filter((other) => other !== pair) },
    ]),
  ];
  return lifts.length > 0 && html`<p class="chosen">Only ${
    lifts.map(([text, change]) =>
      html`
        <a class="chip" href="${listAddress(query, change)}"
          aria-label="Lift the filter: ${text}"><bdi>${text}</bdi> ×</a>
      `
    )
  }</p>`;
}

function row(job: Job, query: ListQuery, now: number): Html {
  const { jobId, owner, startedAt, queuedAt, host = "", labels } = job;
  const name = nameOf(job);
  const why = whyText(job);
  const filter = (text: string, change: Partial<ListQuery>) =>
    text !== "" && html`<a href="${listAddress(query, change)}"><bdi>${text}</bdi></a>`;
  return html`
    <tr id="row-${jobId}">
      <td>${statusBadge(job)}</td>
      <td class="exit" title="${endText(job)}">${exitText(job)}</td>
      <td
        class="command"><a id="link-${jobId}" href="/jobs/${jobId}">${name !== "" && html`
          <b>${name}</b>
        `}<code>${commandLine(job)}</code></a>${why !== "" && html`
          <span class="why">${why}</span>
        `}</td>
      <td class="labels">${Object.entries(labels).map(([key, value]) => {
        const pair = `${key}=${value}`;
        const label = [...new Set([...query.label, pair])];
        return html`
          <a class="chip" href="${listAddress(query, { label })}"><bdi>${pair}</bdi></a>
        `;
      })}</td>
      <td class="host">${filter(host, { host })}</td>
      <td class="owner">${filter(owner, { owner })}</td>
      <td>${ageText(startedAt ?? queuedAt, now)}</td>
      <td>${durationText(job, now)}</td>
    </tr>
  `;
}

/** Classes that hide the columns in which there would be nothing to read. */
function emptyColumns(jobs: readonly Job[], { user }: Identity): string {
  const isEmpty = {
    exit: jobs.every((job) => exitText(job) === ""),
    labels: jobs.every(({ labels }) => Object.keys(labels).length === 0),
    host: jobs.every(({ host }) => host === undefined),
    owner: jobs.every(({ owner }) => owner === user),
  };
  return Object.entries(isEmpty).filter(([, empty]) => empty).map(([name]) => `no-${name}`).join(
    " ",
  );
}

function countText(count: number): string {
  return count === 0 ? "No jobs" : count === 1 ? "1 job" : `${count} jobs`;
}

function olderLink({ query, nextPageToken }: JobListView): Html | false {
  return nextPageToken !== "" &&
    html`<a id="older-link" href="${listAddress(query, { page: nextPageToken })}">Older jobs</a>`;
}
