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

/** Shows why something cannot be had; whoever is not logged in any more comes back from there. */
export function explain(error, place = element("problem")) {
  tell(error instanceof TypeError ? "The daemon cannot be reached" : error.message, place);
  if (error.status !== 401) return;
  const link = document.createElement("a");
  link.href = `/login?${new URLSearchParams({ to: location.pathname + location.search })}`;
  link.textContent = "Log in";
  // What is typed into a form would be gone.
  if (element("start") !== null) link.target = "_blank";
  place.append(" ", link);
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
    if (!response.ok) throw problemOf(response, answer.detail);
    tell("", place);
    return answer;
  } catch (error) {
    explain(error, place);
    return null;
  }
}

/** A page of ours, as a document. */
export async function fetchPage(address, signal) {
  const response = await fetch(ours(address), { signal });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok) throw problemOf(response, page.querySelector("main .problem")?.textContent);
  return page;
}

function problemOf({ status }, message = "The daemon cannot be understood") {
  return Object.assign(new Error(message), { status });
}
