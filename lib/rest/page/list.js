/**
 * The list of jobs: a search while one types, and older jobs as one scrolls down.
 *
 * @module
 */

import { element, explain, fetchPage } from "./server.js";

/** How soon after a key is pressed the search is made, in milliseconds. */
const TYPING_MS = 250;
/** How many jobs are kept on the page. */
const MAX_ROWS = 5000;

/** Whether older jobs were added to the first page of them. */
let hasOlder = false;

/** @param {(ms: number) => void} renewIn fetches the page again, by its address */
export function enableList(form, renewIn) {
  const show = () => {
    const pairs = [...new FormData(form)].filter(([, value]) => value !== "");
    history.replaceState(null, "", pairs.length === 0 ? "/" : `/?${new URLSearchParams(pairs)}`);
    hasOlder = false;
    renewIn(TYPING_MS);
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  // The form was filled in before this script ran, or by a browser that went back.
  const asked = new URLSearchParams(location.search).get("q") ?? "";
  if (form.q.value !== asked) show();

  const watcher = new IntersectionObserver(async ([entry]) => {
    if (!entry.isIntersecting) return;
    watcher.disconnect();
    await addOlder();
    watcher.observe(element("older"));
  }, { rootMargin: "600px" });
  watcher.observe(element("older"));
}

/** Puts the next page of older jobs below those that are there. */
async function addOlder() {
  const link = element("older-link");
  if (link === null || element("jobs").rows.length >= MAX_ROWS) return;
  const { search } = location;
  try {
    const page = await fetchPage(link.getAttribute("href"));
    // Meanwhile, something else may have been searched for.
    if (location.search !== search || !link.isConnected) return;
    hasOlder = true;
    for (const row of [...page.getElementById("jobs").rows]) {
      if (element(row.id) === null) element("jobs").append(row);
    }
    element("older").replaceChildren(...page.getElementById("older").childNodes);
    showColumns(page, true);
    countRows();
  } catch (error) {
    explain(error);
  }
}

/**
 * Replaces the newest jobs by those of a page that was fetched again; older ones stay.
 *
 * @param {(row: HTMLTableRowElement) => boolean} mayDiffer
 * @returns {HTMLTableRowElement[]} the older ones that may be different by now
 */
export function mergeJobs(page, mayDiffer) {
  const jobs = element("jobs");
  const fresh = [...page.getElementById("jobs").rows];
  const focused = jobs.contains(document.activeElement) ? document.activeElement.id : "";
  const last = fresh.at(-1)?.id ?? "";
  // Ids are in the order of time.
  const older = hasOlder ? [...jobs.rows].filter(({ id }) => id < last) : [];
  const old = new Map([...jobs.rows].map((row) => [row.id, row]));
  const rows = fresh.map((row) => old.get(row.id)?.isEqualNode(row) ? old.get(row.id) : row);
  const all = [...rows, ...older];
  const isSame = all.length === jobs.rows.length && all.every((row, at) => row === jobs.rows[at]);
  if (!isSame) {
    jobs.replaceChildren(...all);
    if (focused !== "") element(focused)?.focus({ preventScroll: true });
  }
  if (hasOlder) countRows();
  else element("older").replaceChildren(...page.getElementById("older").childNodes);
  showColumns(page, hasOlder);
  return older.filter(mayDiffer);
}

/** Fetches the pages of some older jobs again. */
export async function renewOlder(rows, signal) {
  const left = new Set(rows);
  for (const row of rows) {
    if (!left.has(row) || !row.isConnected) continue;
    const query = new URLSearchParams(location.search);
    // A page has the jobs that are older than one.
    query.set("page", idOf(row.previousElementSibling));
    const page = await fetchPage(`/?${query}`, signal);
    const fresh = new Map([...page.getElementById("jobs").rows].map((row) => [row.id, row]));
    const isLast = element("older-link") === null;
    const last = [...fresh.keys()].at(-1) ?? (isLast ? "" : row.id);
    const old = [...element("jobs").rows].filter(({ id }) => id <= row.id && id >= last);
    for (const each of old) {
      left.delete(each);
      replaceRow(each, fresh.get(each.id));
    }
    showColumns(page, true);
  }
  countRows();
}

function replaceRow(row, fresh) {
  if (fresh === undefined) return row.remove();
  if (fresh.isEqualNode(row)) return;
  const focused = row.contains(document.activeElement) ? document.activeElement.id : "";
  row.replaceWith(fresh);
  if (focused !== "") element(focused)?.focus({ preventScroll: true });
}

/** The id of the job in a row. */
export function idOf(row) {
  return row.id.replace("row-", "");
}

/** Shows the columns in which a page has something; those of several pages, together. */
function showColumns(page, isMore) {
  const fresh = page.getElementById("list").className.split(" ");
  const table = element("list");
  const hidden = isMore ? fresh.filter((name) => table.classList.contains(name)) : fresh;
  if (table.className !== hidden.join(" ")) table.className = hidden.join(" ");
}

function countRows() {
  const text = `${element("jobs").rows.length} jobs`;
  if (element("count").textContent !== text) element("count").textContent = text;
}
