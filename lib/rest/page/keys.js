/**
 * The keys of the page, as in a mail program.
 *
 * @module
 */

import { element } from "./server.js";

const press = (id) => element(id)?.click();

/** Moves to another job of the list. */
function move(by) {
  const links = [...document.querySelectorAll("#jobs a[id^=link-]")];
  const at = links.indexOf(document.activeElement);
  const link = links[at < 0 ? 0 : at + by];
  link?.focus();
  link?.scrollIntoView({ block: "nearest" });
}

/** The address of the job that the list is at; none if it is at none. */
function chosen() {
  return document.activeElement.closest("#jobs tr")?.querySelector("a[id^=link-]")
    ?.getAttribute("href");
}

function go(address) {
  if (address !== undefined) location.assign(address);
}

/** What a key does; `true` if it does nothing here, and is the browser's. */
const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  u: () => press("to-jobs"),
  c: () => press("to-start"),
  r: () => {
    press("again");
    const job = chosen();
    if (job !== undefined) go(job.replace("/jobs/", "/new?from="));
  },
  s: () => {
    press("stop-button");
    const job = chosen();
    if (job !== undefined) go(`${job}#stop`);
  },
  "/": () => document.querySelector("#filter input[type=search], #find input")?.focus(),
  n: () => element("find")?.requestSubmit(),
  N: () => element("find")?.dispatchEvent(new Event("back")),
  f: () => press("follow"),
  w: () => press("wrap"),
  t: () => {
    const times = element("times");
    if (times === null) return;
    times.selectedIndex = (times.selectedIndex + 1) % times.length;
    times.dispatchEvent(new Event("change"));
  },
  e: () => press("first-stderr"),
  "?": () => element("keys").showModal(),
};

/** @param {HTMLDialogElement} dialog tells of the keys */
export function enableKeys(dialog) {
  element("keys-button").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, key)) return;
    // What is typed there is meant for it.
    if (target.closest("input:not([type=checkbox]), textarea, select, dialog[open]")) return;
    event.preventDefault();
    KEYS[key]();
  });
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (key !== "Escape" || !target.matches("input, textarea, select")) return;
    // A browser would empty a search, too.
    event.preventDefault();
    target.blur();
  });
}
