/**
 * The live parts of the page. The daemon renders it; this script fetches it again and replaces what has
 * changed, and the others follow the log and send what is asked for to the API.
 *
 * @module
 */

import { enableKeys } from "./keys.js";
import { enableList, mergeJobs } from "./list.js";
import { enableLog } from "./log.js";
import { element, fetchPage, post, tell } from "./server.js";
import { enableStart } from "./start.js";

/** How often the page is renewed, in milliseconds: in sight, and hidden, for the counts in its title. */
const RENEW_MS = { visible: 2000, hidden: 15_000 };

let timer;
let asking = new AbortController();
let unreached = false;
/** Whether there is nothing on the page that could still change. */
let isFinal = false;

function renewIn(ms = document.hidden ? RENEW_MS.hidden : RENEW_MS.visible) {
  clearTimeout(timer);
  if (!isFinal || ms === 0) timer = setTimeout(renew, ms);
}

/** Fetches this page again. If two requests overlap, the later one counts. */
async function renew() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const fresh = await fetchPage(location.pathname + location.search, signal);
    for (const live of document.querySelectorAll("[data-live]")) {
      replace(live, fresh.getElementById(live.id));
    }
    if (element("jobs") !== null) mergeJobs(fresh);
    document.title = fresh.title;
    if (element("icon").href !== fresh.getElementById("icon").href) {
      element("icon").href = fresh.getElementById("icon").href;
    }
    if (unreached) tell("");
    unreached = false;
  } catch (error) {
    if (signal.aborted) return;
    unreached = true;
    tell(error instanceof TypeError ? "The daemon cannot be reached" : error.message);
  }
  renewIn();
}

/** Leaves unchanged parts alone, so that they are not read out again and keep the focus. */
function replace(live, fresh) {
  if (fresh === null || live.isEqualNode(fresh)) return;
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  live.replaceChildren(...fresh.childNodes);
  if (focused !== "") element(focused)?.focus();
}

function enableStop(dialog) {
  const { job } = element("log").dataset;
  element("actions").addEventListener("click", ({ target }) => {
    if (target.id === "stop-button") openStop(dialog);
  });
  dialog.addEventListener("close", async () => {
    if (dialog.returnValue !== "stop") return;
    await post(`/v1/jobs/${job}/stop`, {});
    renew();
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
    enableLog(box, (isOver) => {
      isFinal = isOver;
      renew();
    }),
  keys: enableKeys,
};
for (const [id, make] of Object.entries(enable)) {
  if (element(id) !== null) make(element(id));
}
if (document.querySelector("[data-live]") !== null) {
  document.addEventListener("visibilitychange", () => renewIn(document.hidden ? undefined : 0));
  renewIn();
}
