/**
 * The form for a new job.
 *
 * @module
 */

import { post } from "./server.js";

export function enableStart(form) {
  const button = form.querySelector("button");
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const problem = document.getElementById("start-problem");
    const job = await post("/v1/jobs", requestOf(form), problem);
    if (job !== null) location.assign(`/jobs/${job.jobId}`);
    else {
      button.disabled = false;
      problem.scrollIntoView({ block: "nearest" });
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

/** What the form asks for: what nobody has changed is as it was in the job that is run again. */
function requestOf(form) {
  const { elements } = form;
  const again = JSON.parse(form.dataset.again);
  const text = (name) => elements[name].value.trim();
  const isKept = (name) =>
    again.command !== undefined &&
    elements[name].value === elements[name].defaultValue;
  const number = (name, unit = 1) => {
    const value = text(name);
    return value === "" ? undefined : Math.round(Number(value) * unit * 100) / 100;
  };
  const { name, args } = isKept("line")
    ? again.command
    : { name: "sh", args: ["-c", elements.line.value] };
  // What is left out, JSON does not have, and the daemon chooses.
  return {
    ...again,
    command: {
      name,
      args,
      env: isKept("env") ? again.command.env : pairsOf(text("env")),
      workingDirectory: text("workingDirectory"),
    },
    name: text("name") || undefined,
    labels: isKept("labels") ? again.labels : pairsOf(text("labels")),
    execution: {
      ...again.execution,
      user: text("user") || undefined,
      timeoutMs: Math.round(number("timeout", Number(text("timeoutUnit"))) ?? 0) || undefined,
      limits: {
        memoryBytes: Math.round(number("memory", Number(text("memoryUnit")))) || undefined,
        cpus: number("cpus"),
        processes: number("processes"),
      },
    },
    queue: elements.queue.checked || undefined,
  };
}

/** Lines of NAME=value. One without a value has an empty one. */
function pairsOf(text) {
  return Object.fromEntries(
    text.split("\n").filter((line) => line.trim() !== "").map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)];
    }),
  );
}
