import { html } from "hono/html";
import { authorize } from "../../auth/authorize.ts";
import { formatByteSize } from "../../text/byte_size.ts";
import { METHODS } from "../../service/methods.ts";
import { type Job, statusOf } from "../../job/types.ts";
import { queueText, webhookText } from "../../job/job_words.ts";
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
import { type Html, layout, mayStart, type Reader } from "./layout.ts";

/** What {@linkcode jobPage} needs besides the job. */
export interface JobPageView {
  readonly reader: Reader;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** One job: a line of what it is, and its log, which the script fills in. */
export function jobPage(job: Job, { reader, now }: JobPageView): Html {
  const { identity } = reader;
  const { jobId, startedAt } = job;
  const mayStop = authorize(identity, METHODS.stopJob.rule, job.owner).kind === "allowed";
  const name = nameOf(job) === "" ? false : html`
    <b>${nameOf(job)}</b>
  `;
  const content = html`
    <div class="title">
      <div id="status" data-live aria-live="polite">${statusBadge(job)}</div>
      <h1 class="unseen">Job ${nameOf(job) || jobId}</h1>
      <details id="command">
        <summary><span>${name}<code>${commandLine(job)}</code></span></summary>
        <div class="card">
          <pre tabindex="0" aria-label="Command"><code>${commandLines(job)}</code></pre>
          <dl id="facts" data-live>${facts(job, now)}</dl>
        </div>
      </details>
      <div id="actions" class="bar" data-live>${mayStart(identity) &&
        html`<a id="again" class="button" href="/new?from=${jobId}">Run again</a>`}${mayStop &&
        job.end === null &&
        html`<button id="stop-button" class="danger" type="button">Stop …</button>`}</div>
    </div>
    <p id="gist" class="quiet" data-live>${gist(job, now)}</p>
    <div id="why" data-live>${whyNotWell(job)}</div>
    <section class="log" aria-labelledby="log-title">
      <h2 id="log-title" class="unseen">Log</h2>
      ${logBar(jobId)}
      <div id="log" data-job="${jobId}" data-started="${startedAt ?? ""}" tabindex="0" role="log"
        aria-live="off" aria-labelledby="log-title"></div>
    </section>
    <dialog id="stop" aria-labelledby="stop-title">
      <form method="dialog">
        <h2 id="stop-title">Stop this job?</h2>
        <p>It and everything it started get SIGTERM and, after the grace period, SIGKILL. A queued job leaves the queue.</p>
        <div class="bar">
          <button value="" autofocus>Let it run</button>
          <button value="stop" class="danger">Stop it</button>
        </div>
      </form>
    </dialog>
  `;
  const status = statusOf(job);
  return layout(content, {
    title: `${status}: ${nameOf(job) || commandLine(job).slice(0, 60)} - Job Worker`,
    icon: iconOf(status),
    reader,
    fills: true,
    // The place of one that waits is a matter of the others.
    ...(job.end === null && { watch: status === "queued" ? {} : { jobId } }),
  });
}

/** What one does with a log. */
function logBar(jobId: string): Html {
  return html`
    <div class="bar" role="group" aria-label="What is shown of the log">
      <form id="find" class="find" role="search">
        <input type="search" name="text" aria-label="Find in the log" placeholder="Find in the log"
          autocomplete="off" spellcheck="false">
        <output id="found" class="quiet"></output>
      </form>
      <label class="check"><input id="follow" type="checkbox" checked> Follow</label>
      <label class="check"><input id="wrap" type="checkbox" checked> Wrap</label>
      <label class="check">Times
        <select id="times">
          <option value="">off</option>
          <option value="offset">since the start</option>
          <option value="clock">clock</option>
        </select>
      </label>
      <button id="first-stderr" class="plain" type="button">First stderr line</button>
      <a href="/v1/jobs/${jobId}/logs" download="${jobId}.log">Download</a>
      <span id="log-state" class="quiet" role="status"></span>
    </div>
  `;
}

/** What one wants to know of a job at once. */
function gist(job: Job, now: number): Html[] {
  const { owner, host, labels, startedAt, stdoutBytes, stderrBytes } = job;
  const exit = exitText(job);
  const took = durationText(job, now);
  const parts: (string | Html)[] = [
    exit === "" ? "" : `exit ${exit}`,
    queueText(job),
    startedAt === null || job.end === null ? "" : html`started ${ageText(startedAt, now)}`,
    took === "" ? "" : job.end === null ? html`running for ${took}` : `took ${took}`,
    html`by <bdi>${owner}</bdi>`,
    host === undefined ? "" : `on ${host}`,
    ...Object.entries(labels).map(([key, value]) =>
      html`<span class="chip"><bdi>${key}=${value}</bdi></span>`
    ),
    `${formatByteSize(stdoutBytes + stderrBytes)} of output`,
  ];
  return parts.filter((part) => part !== "").map((part) =>
    html`
      <span>${part}</span>
    `
  );
}

/** Why a job did not run to its end, where its reader looks first. */
function whyNotWell(job: Job): Html | false {
  const why = whyText(job);
  return why !== "" && html`<p class="problem">${why}</p>`;
}

/** Fields that the texts of the status and of the end hold. */
type InText = "liveStatus" | "end" | "queue";

/** Fields that are left to `worker-cli status` and the API. */
type NotShown =
  | "on"
  | "execution"
  | "containment"
  | "usage"
  | "logLimit"
  | "logBytes"
  | "outputTruncated"
  | "requestId";

function facts(job: Job, now: number): Html[] {
  const { jobId, name, command, owner, pid, labels, stdoutBytes, stderrBytes, ...others } = job;
  const { queuedAt, startedAt, host = "", asOf = null, notify: _, ...more } = others;
  // A field that is neither shown nor named by these types does not compile.
  null as unknown as keyof typeof more satisfies InText | NotShown;
  const pairs: [string, string | Html][] = [
    ["Id", html`<code>${jobId}</code>`],
    ["Name", name],
    ["Owner", html`<bdi>${owner}</bdi>`],
    ["Host", host],
    ["Host last heard", ageText(asOf, now)],
    ["Place", queueText(job)],
    ["Queued", ageText(queuedAt, now)],
    ["Started", ageText(startedAt, now)],
    ["Duration", durationText(job, now)],
    ["Process", pid === 0 ? "" : String(pid)],
    ["Output", `${formatByteSize(stdoutBytes)} stdout, ${formatByteSize(stderrBytes)} stderr`],
    ["Directory", command.workingDirectory],
    ["Labels", Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ")],
    ["Variables", Object.keys(command.env).join(", ")],
    ["End", endText(job)],
    ["Webhook", webhookText(job)],
  ];
  return pairs.filter(([, value]) => value !== "")
    .map(([name, value]) =>
      html`
        <div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>
      `
    );
}
