import { html } from "hono/html";
import { authorize } from "../../auth/authorize.ts";
import { METHODS } from "../../service/methods.ts";
import type { StartJobRequest } from "../../service/job_service.ts";
import type { Job } from "../../job/types.ts";
import { iconOf } from "./icon.ts";
import { quotedWord } from "./job_words.ts";
import { type Html, layout, type Reader } from "./layout.ts";

/** What {@linkcode startPage} needs. */
export interface StartPageView {
  readonly reader: Reader;
  /** The job to be run again, if there is one. */
  readonly from: Job | null;
}

/** The units of the form, each with how much it stands for; the first one is the default. */
const TIMES = { minutes: 60_000, seconds: 1000, hours: 3_600_000 };
const SIZES = { MiB: 1024 ** 2, GiB: 1024 ** 3, KiB: 1024 };

/** The form for a new job, empty or filled in with one that is to be run again. Only its script sends it. */
export function startPage({ reader, from }: StartPageView): Html {
  // Whoever may act on a job sees the values of its variables and its webhook, as in `redactJob()`.
  const mayAct = from !== null &&
    authorize(reader.identity, METHODS.startJob.rule, from.owner).kind === "allowed";
  const again = from === null ? null : requestOf(from, mayAct);
  const { command, labels = {}, name = "", execution } = again ?? {};
  const { env = {}, workingDirectory = "" } = command ?? {};
  const line = command === undefined ? "" : shellLine(command);
  const { user = "", timeoutMs = 0, limits = {} } = execution ?? {};
  const { memoryBytes = 0, cpus = "", processes = "" } = limits;
  // `dialog` keeps browsers from putting a command line into an address; the script enables the button.
  const content = html`
    <h1>${from === null ? "Start a job" : "Run again"}</h1>
    <form id="start" class="card" method="dialog" data-again="${JSON.stringify(again ?? {})}">
      <label class="whole">Command line <small>run by <code>sh -c</code></small>
        <textarea name="line" rows="${rowsOf(
          line,
        )}" required autofocus autocapitalize="off" spellcheck="false">${line}</textarea></label>
      <label class="whole">Name <small>no other job of yours that has not ended has it; empty: none</small>
        <input name="name" value="${name}" autocomplete="off" autocapitalize="off" spellcheck="false"></label>
      <label class="whole">Working directory <small>an absolute path; empty: the daemon's default</small>
        <input name="workingDirectory" value="${workingDirectory}" autocomplete="off" autocapitalize="off"
          spellcheck="false"></label>
      <label>Variables <small>NAME=value, one a line</small>
        <textarea name="env" rows="3" autocapitalize="off" spellcheck="false">${linesOf(
          env,
        )}</textarea></label>
      <label>Labels <small>name=value, one a line</small>
        <textarea name="labels" rows="3" autocapitalize="off" spellcheck="false">${linesOf(
          labels,
        )}</textarea></label>
      ${from !== null && !mayAct && Object.keys(from.command.env).length > 0 && html`
        <p
          class="whole problem">You may not see the values of the variables: ${Object.keys(
            from.command.env,
          ).join(", ")}. Give them again, if the job needs them.</p>
      `}
      ${quantity("timeout", "Timeout", timeoutMs, TIMES)}
      ${quantity("memory", "Memory at most", memoryBytes, SIZES)}
      <label>Processors at most
        <input name="cpus" type="number" min="0.01" step="0.01" value="${cpus}"></label>
      <label>Processes at most
        <input name="processes" type="number" min="1" step="1" value="${processes}"></label>
      <label>User <small>empty: the daemon's default</small>
        <input name="user" value="${user}" autocomplete="off" autocapitalize="off" spellcheck="false"></label>
      <label class="check"><input type="checkbox" name="queue"> Wait in the queue if too many jobs run</label>
      <p id="start-problem" class="whole problem" role="alert" hidden></p>
      <div class="whole bar"><button class="primary" disabled>Start</button><a href="/">Cancel</a></div>
    </form>
  `;
  return layout(content, { title: "Start a job - Job Worker", icon: iconOf("running"), reader });
}

/** What starts a job again that is like another one. */
function requestOf(
  { command, labels, name, execution, notify, logLimit: { bytes, policy } }: Job,
  mayAct: boolean,
) {
  return {
    command: { ...command, env: mayAct ? command.env : {} },
    labels,
    ...(name !== "" && { name }),
    ...(notify !== undefined && mayAct && { notify: notify.url }),
    // One that a job had for itself is not there any more.
    execution: { ...execution, user: /^\d+$/.test(execution.user) ? "" : execution.user },
    ...(policy !== "unknown" && { logLimit: { bytes, policy } }),
  } satisfies Partial<StartJobRequest>;
}

/** So many that a script can be read, within bounds. */
function rowsOf(line: string): number {
  return Math.min(12, Math.max(3, line.split("\n").length));
}

/** The line that makes a shell run a command. */
function shellLine({ name, args }: Job["command"]): string {
  const [option, script, ...more] = args;
  if (name === "sh" && option === "-c" && script !== undefined && more.length === 0) return script;
  return ["exec", ...[name, ...args].map(quotedWord)].join(" ");
}

function linesOf(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs).map(([name, value]) => `${name}=${value}`).join("\n");
}

/** A number with a unit, the largest one in which the number is whole. */
function quantity(
  name: string,
  label: string,
  amount: number,
  units: Readonly<Record<string, number>>,
): Html {
  const fitting = Object.entries(units).filter(([, size]) => amount > 0 && amount % size === 0)
    .toSorted(([, a], [, b]) => b - a);
  const [unit = Object.keys(units)[0], size = 1] = fitting[0] ?? [];
  return html`
    <div><label for="${name}">${label}</label>
      <span class="pair"><input id="${name}" name="${name}" type="number" min="0" step="any" value="${amount ===
          0
        ? ""
        : amount / size}">
        <select name="${name}Unit" aria-label="Unit of: ${label}">${Object.entries(units).map((
          [each, factor],
        ) =>
          html`<option value="${factor}" ${each === unit && "selected"}>${each}</option>`
        )}</select></span></div>
  `;
}
