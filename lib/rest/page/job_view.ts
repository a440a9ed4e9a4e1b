import { html } from "hono/html";
import { authorize } from "../../auth/authorize.ts";
import type { Identity } from "../../auth/identity.ts";
import { formatByteSize } from "../../text/byte_size.ts";
import { METHODS } from "../../service/methods.ts";
import type { Job } from "../../job/types.ts";
import { commandText, queueText, tookText, webhookText } from "../../job/job_words.ts";
import { ageText, endText, statusBadge } from "./job_words.ts";
import { type Html, layout } from "./layout.ts";

/** What {@linkcode jobPage} needs besides the job. */
export interface JobPageView {
  readonly identity: Identity;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** One job, and an element for its log, which the script fills in. */
export function jobPage(job: Job, { identity, now }: JobPageView): Html {
  const { jobId } = job;
  const mayStop = authorize(identity, METHODS.stopJob.rule, job.owner).kind === "allowed";
  const content = html`
    <p><a href="/">All jobs</a></p>
    <div class="title">
      <h1><code>${commandText(job)}</code></h1>
      <div id="status" data-live aria-live="polite">${statusBadge(job)}</div>
      <div id="actions" data-live>${mayStop && job.end === null &&
        html`<button id="stop-button" class="danger" type="button">Stop …</button>`}</div>
    </div>
    <dl id="facts" data-live>${facts(job, now)}</dl>
    <section aria-labelledby="log-title">
      <div class="bar">
        <h2 id="log-title">Log</h2>
        <label class="check"><input id="follow" type="checkbox" checked> Follow</label>
        <label class="check"><input id="times" type="checkbox"> Times</label>
        <a href="/v1/jobs/${jobId}/logs" download="${jobId}.log">Download</a>
        <span id="log-state" class="quiet" role="status"></span>
      </div>
      <div id="log" data-job="${jobId}" tabindex="0" role="log" aria-live="off"
        aria-labelledby="log-title"></div>
      <p
        class="quiet">Lines from stderr have a bar on the left. Only the newest 5,000 lines are kept here;
        the download has all of them.</p>
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
  return layout(`${commandText(job).slice(0, 60)} - Job Worker`, content, identity);
}

/** Fields that the texts of the status and of the end hold. */
type InText = "liveStatus" | "end" | "queue";

/** Fields that are left to `worker-cli status` and the API. */
type NotShown =
  | "execution"
  | "containment"
  | "usage"
  | "logLimit"
  | "logBytes"
  | "outputTruncated"
  | "requestId";

function facts(job: Job, now: number): Html[] {
  const { jobId, command, owner, pid, labels, stdoutBytes, stderrBytes, ...others } = job;
  const { queuedAt, startedAt, host = "", asOf = null, notify: _, ...more } = others;
  // A field that is neither shown nor named by these types does not compile.
  null as unknown as keyof typeof more satisfies InText | NotShown;
  const pairs: [string, string | Html][] = [
    ["Id", html`<code>${jobId}</code>`],
    ["Owner", html`<bdi>${owner}</bdi>`],
    ["Host", host],
    ["Host last heard", ageText(asOf, now)],
    ["Place", queueText(job)],
    ["Queued", ageText(queuedAt, now)],
    ["Started", ageText(startedAt, now)],
    ["Duration", tookText(job, now)],
    ["Process", pid === 0 ? "" : String(pid)],
    ["Output", `${formatByteSize(stdoutBytes)} stdout, ${formatByteSize(stderrBytes)} stderr`],
    ["Directory", command.workingDirectory],
    ["Labels", Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ")],
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
