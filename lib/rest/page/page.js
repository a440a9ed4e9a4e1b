/**
 * The live parts of the page. The daemon renders it; this script fetches it again and replaces what has
 * changed, follows the log, and sends the two forms to the API.
 *
 * @module
 */

import { LogView } from "./log_view.js";

/** How often a visible page is renewed, and how soon after a key is pressed; milliseconds. */
const RENEW_MS = 2000;
const TYPING_MS = 250;
/** The delay before a retry that the browser does not make itself; it doubles with each failure. */
const RETRY_MS = { first: 3000, last: 60_000 };

const element = (id) => document.getElementById(id);
/** Leaves out the user and password that may be in the address of the page: fetch refuses them. */
const ours = (path) => new URL(path, location.origin);

function tell(problem) {
  element("problem").textContent = problem;
  element("problem").hidden = problem === "";
}

/** Calls the API and returns its answer, or null after showing why there is none. */
async function post(path, body) {
  try {
    const response = await fetch(ours(path), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    tell(response.ok ? "" : answer.detail);
    return response.ok ? answer : null;
  } catch {
    tell("The daemon cannot be reached");
    return null;
  }
}

let timer;
let asking = new AbortController();

function renewIn(ms) {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(renew, ms);
}

/** Fetches this page again. If two requests overlap, the later one counts. */
async function renew() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const response = await fetch(ours(location.pathname + location.search), { signal });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!response.ok) throw new Error(fresh.querySelector(".problem")?.textContent);
    for (const live of document.querySelectorAll("[data-live]")) {
      replace(live, fresh.getElementById(live.id));
    }
    if (unreached) tell("");
    unreached = false;
  } catch (error) {
    if (signal.aborted) return;
    unreached = true;
    tell(error instanceof TypeError ? "The daemon cannot be reached" : error.message);
  }
  renewIn(RENEW_MS);
}

let unreached = false;

/** Leaves unchanged parts alone, so that they are not read out again and keep the focus. */
function replace(live, fresh) {
  if (fresh === null || live.isEqualNode(fresh)) return;
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  live.replaceChildren(...fresh.childNodes);
  if (focused !== "") element(focused)?.focus();
}

function enableFilter(form) {
  const show = () => {
    const query = new URLSearchParams(new FormData(form));
    history.replaceState(null, "", `/?${query}`);
    renewIn(TYPING_MS);
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  // The form was filled in before this script ran, or by a browser that went back.
  const asked = new URLSearchParams(location.search);
  if (new FormData(form).entries().some(([name, value]) => value !== (asked.get(name) ?? ""))) {
    show();
  }
}

function enableStart(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { line, workingDirectory, queue } = Object.fromEntries(new FormData(form));
    const button = form.querySelector("button");
    button.disabled = true;
    const command = { name: "sh", args: ["-c", line], workingDirectory };
    const job = await post("/v1/jobs", { command, queue: queue === "on" });
    if (job !== null) location.assign(`/jobs/${job.jobId}`);
    else button.disabled = false;
  });
}

function enableStop(dialog, jobId) {
  element("actions").addEventListener("click", ({ target }) => {
    if (target.id !== "stop-button") return;
    // Escape would leave the value of the last time.
    dialog.returnValue = "";
    dialog.showModal();
  });
  dialog.addEventListener("close", async () => {
    if (dialog.returnValue !== "stop") return;
    await post(`/v1/jobs/${jobId}/stop`, {});
    renew();
  });
}

function enableLog(box) {
  const follow = element("follow");
  const view = new LogView(box, (follows) => follow.checked = follows);
  follow.addEventListener("change", () => view.follows = follow.checked);
  element("times").addEventListener("change", ({ target }) => {
    box.classList.toggle("timed", target.checked);
  });
  followLog(box.dataset.job, view, "tail=5000");
}

/** Reads a log to its end. After an interruption the browser resumes from the id of the last event. */
function followLog(jobId, view, start, retryMs = RETRY_MS.first) {
  const state = element("log-state");
  const source = new EventSource(ours(`/v1/jobs/${jobId}/logs?follow=1&${start}`));
  let next = start;
  const on = (type, use) =>
    source.addEventListener(type, (event) => {
      if (event.lastEventId !== "") next = `offset=${event.lastEventId}`;
      use(JSON.parse(event.data));
    });
  source.addEventListener("open", () => {
    state.textContent = "live";
    retryMs = RETRY_MS.first;
  });
  on("message", (record) => view.write(record));
  on("gap", ({ gap }) => view.note(`${gap.to - gap.from} bytes were dropped here`));
  on("end", () => {
    source.close();
    state.textContent = "complete";
    renew();
  });
  on("problem", ({ detail, status }) => {
    // The daemon is shutting down and may come back.
    if (status === 503) return;
    source.close();
    state.textContent = detail;
  });
  source.addEventListener("error", () => {
    state.textContent = "reconnecting …";
    if (source.readyState === EventSource.CLOSED) {
      const longer = Math.min(2 * retryMs, RETRY_MS.last);
      setTimeout(followLog, retryMs, jobId, view, next, longer);
    }
  });
}

const enable = { filter: enableFilter, start: enableStart, log: enableLog };
for (const [id, make] of Object.entries(enable)) {
  if (element(id) !== null) make(element(id));
}
if (element("stop") !== null) enableStop(element("stop"), element("log").dataset.job);
if (document.querySelector("[data-live]") !== null) {
  document.addEventListener("visibilitychange", () => renewIn(0));
  renewIn(RENEW_MS);
}
