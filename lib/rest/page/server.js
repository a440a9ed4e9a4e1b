/**
 * How the page talks to the daemon, and tells of problems.
 *
 * @module
 */

export const element = (id) => document.getElementById(id);

/** Leaves out the user and password that may be in the address of the page: fetch refuses them. */
export const ours = (path) => new URL(path, location.origin);

/** Shows what went wrong; `""` takes it away. */
export function tell(problem, place = element("problem")) {
  place.textContent = problem;
  place.hidden = problem === "";
}

/** Calls the API and returns its answer, or null after showing why there is none. */
export async function post(path, body, place = element("problem")) {
  try {
    const response = await fetch(ours(path), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    tell(response.ok ? "" : answer.detail, place);
    return response.ok ? answer : null;
  } catch {
    tell("The daemon cannot be reached", place);
    return null;
  }
}

/** A page of ours, as a document. */
export async function fetchPage(address, signal) {
  const response = await fetch(ours(address), { signal });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok) throw new Error(page.querySelector(".problem:not([hidden])")?.textContent);
  return page;
}
