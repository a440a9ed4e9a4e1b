/**
 * The live parts of the page. The daemon renders it; this script fetches it again when something has changed, and
 * replaces what is different. The others follow the log and send what is asked for to the API.
 *
 * @module
 */

import { tellAges } from "./ages.js";
import { isAmong, watchChanges } from "./changes.js";
import { enableKeys } from "./keys.js";
import { enableList, idOf, mergeJobs, renewOlder } from "./list.js";
import { enableLog } from "./log.js";
import { element, explain, fetchPage, post, tell } from "./server.js";
import { enableStart } from "./start.js";

/**
 * How long after a renewal the next one is made at the soonest, in milliseconds: in sight; if only the output has
 * grown; if a job in sight waits, since nobody tells its owner of others that leave the queue; and hidden, for the
 * counts in the title.
 */
const PAUSE_MS = { seen: 1000, growth: 5000, waiting: 15_000, hidden: 15_000 };

let timer = null;
/** When that is over. */
let dueAt = Infinity;
let asking = null;
/** Whether something has changed since the page was asked for. */
let isStale = false;
/** Why it could not be had the last time, or null. */
let problem = null;
let renewedAt = performance.now();
/** The least pause, by what the last renewal took: most of the time, nobody works for this page. */
let leastMs = 0;
const MAX_LEAST_MS = 30_000;
/** How far our clock is ahead of the daemon's. */
const ahead = Date.now() - Number(document.documentElement.dataset.now);
const now = () => Date.now() - ahead;

/** Fetches this page again, a while after the last time. Whatever changes until then is part of it. */
function renewSoon(pause = PAUSE_MS.seen) {
  isStale = true;
  const due = renewedAt + Math.max(leastMs, document.hidden ? PAUSE_MS.hidden : pause);
  if (asking !== null || timer !== null && dueAt <= due) return;
  clearTimeout(timer);
  dueAt = due;
  timer = setTimeout(renew, Math.max(0, due - performance.now()));
}

/** The same, for the address that the page has by then. */
function renewIn(ms) {
  clearTimeout(timer);
  asking?.abort();
  dueAt = -Infinity;
  timer = setTimeout(renew, ms);
}

async function renew() {
  clearTimeout(timer);
  timer = null;
  asking?.abort();
  const mine = asking = new AbortController();
  isStale = false;
  const startedAt = performance.now();
  try {
    const fresh = await fetchPage(location.pathname + location.search, mine.signal);
    const older = show(fresh);
    if (older.length > 0) await renewOlder(older, mine.signal);
    if (problem !== null) tell("");
    problem = null;
  } catch (error) {
    changed.add(any);
    if (mine.signal.aborted) return;
    problem = error;
    explain(error);
  } finally {
    if (asking === mine) {
      asking = null;
      renewedAt = performance.now();
      leastMs = Math.min(10 * (renewedAt - startedAt), MAX_LEAST_MS);
    }
  }
  // Whoever has to log in first comes back to the page.
  if (problem === null && isStale) renewSoon();
  const waits = document.querySelector(".badge.queued") !== null;
  if (problem === null && waits && !document.hidden) renewSoon(PAUSE_MS.waiting);
  if (problem !== null && problem.status !== 401) renewSoon(PAUSE_MS.hidden);
}

/** Shows what is different, and returns the rows that may be and that are on none of its pages. */
function show(fresh) {
  const mayDiffer = changedRows();
  tellAges(document, now());
  tellAges(fresh, now());
  for (const live of document.querySelectorAll("[data-live]")) {
    replace(live, fresh.getElementById(live.id));
  }
  const older = element("jobs") === null ? [] : mergeJobs(fresh, mayDiffer);
  document.title = fresh.title;
  if (element("icon").href !== fresh.getElementById("icon").href) {
    element("icon").href = fresh.getElementById("icon").href;
  }
  watch(fresh.getElementById("content").dataset.watch);
  return older;
}

/** Which jobs have changed that were not shown since; `any`: whichever have not ended. */
let changed = new Set();
const any = "any";

/** Tells of a row whether its job is among them, and forgets them. */
function changedRows() {
  const ids = changed;
  changed = new Set();
  return (row) =>
    ids.has(idOf(row)) || ids.has(any) && row.querySelector("time.since, .queued") !== null;
}

/** Leaves unchanged parts alone, so that they are not read out again and keep the focus. */
function replace(live, fresh) {
  if (fresh === null || live.isEqualNode(fresh)) return;
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  live.replaceChildren(...fresh.childNodes);
  if (focused !== "") element(focused)?.focus();
}

let watched;
let stopWatching = null;

/** @param {string} [members] what the jobs have in common that the page is about, as JSON; none: it changes no more */
function watch(members) {
  watched = members && JSON.parse(members);
  if (watched === undefined) {
    stopWatching?.();
    stopWatching = null;
  } else {
    stopWatching ??= watchChanges((job) => {
      if (job !== null && !isAmong(job, watched)) return;
      changed.add(job?.jobId ?? any);
      renewSoon();
    });
  }
}

function enableStop(dialog) {
  const { job } = element("log").dataset;
  element("actions").addEventListener("click", ({ target }) => {
    if (target.id === "stop-button") openStop(dialog);
  });
  dialog.addEventListener("close", async () => {
    if (dialog.returnValue !== "stop") return;
    await post(`/v1/jobs/${job}/stop`, {});
    renewIn(0);
  });
  // From the list, with the key for it.
  if (location.hash === "#stop" && element("stop-button") !== null) {
    history.replaceState(null, "", location.pathname);
    openStop(dialog);
  }
}

function openStop(dialog) {
  // Escape would leave the value of the last time.
  dialog.returnValue = "";
  dialog.showModal();
}

const enable = {
  filter: (form) => enableList(form, renewIn),
  start: enableStart,
  stop: enableStop,
  log: (box) =>
    enableLog(box, {
      grown: () => renewSoon(PAUSE_MS.growth),
      ended: () => watched !== undefined && renewSoon(0),
      failed: () => renewSoon(),
    }),
  keys: enableKeys,
};
for (const [id, make] of Object.entries(enable)) {
  if (element(id) !== null) make(element(id));
}
if (document.querySelector("time") !== null || element("jobs") !== null) {
  setInterval(() => document.hidden || tellAges(document, now()), 1000);
}
const { watch: members } = element("content").dataset;
if (members !== undefined) {
  watch(members);
  // What has changed between the answer and the watch, nobody has told.
  renewSoon();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    timer = null;
    if (isStale || !document.hidden) renewSoon();
  });
}
