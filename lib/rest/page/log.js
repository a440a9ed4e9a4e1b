/**
 * The log of a job: reads it as it comes, as long as somebody looks, and does what its reader asks for.
 *
 * @module
 */

import { LogView } from "./log_view.js";
import { element, ours, tell } from "./server.js";

/** What is read of a log at first. */
const END = "tail=5000";
/** How much is read before the line that a link points at, in bytes. */
const BEFORE = 32 * 1024;
/** The delay before a retry that the browser does not make itself; it doubles with each failure. */
const RETRY_MS = { first: 3000, last: 60_000 };

/** @param {Record<"grown" | "ended" | "failed", () => void>} on told of more output, of its end, and of a failure */
export function enableLog(box, on) {
  const follow = element("follow");
  const { job } = box.dataset;
  const log = `/v1/jobs/${job}/logs`;
  const reader = new LogReader(log, on);
  const view = new LogView(box, {
    follow: (follows) => follow.checked = follows,
    full: () => reader.stop("more lines follow: press Follow for the end"),
  });
  reader.view = view;
  enableFind(element("find"), view);

  const goTo = (offset) => {
    follow.checked = view.follows = false;
    if (view.goTo(offset)) return;
    view.await(offset);
    reader.start(`offset=${Math.max(0, offset - BEFORE)}`);
  };
  const goToLink = () => {
    const offset = /^#at=(\d{1,15})$/.exec(location.hash)?.[1];
    if (offset !== undefined) goTo(Number(offset));
    return offset !== undefined;
  };
  addEventListener("hashchange", goToLink);
  follow.addEventListener("change", () => {
    if (follow.checked) history.replaceState(null, "", location.pathname);
    if (follow.checked && !reader.isAtEnd) {
      view.clear();
      reader.start(END);
    }
    view.follows = follow.checked;
  });
  element("wrap").addEventListener("change", ({ target }) => {
    box.classList.toggle("unwrapped", !target.checked);
    view.stay();
  });
  element("times").addEventListener("change", ({ target }) => view.times = target.value);
  element("first-stderr").addEventListener("click", async () => {
    const offset = await firstOffset(`${log}?stream=stderr`);
    if (offset === null) element("log-state").textContent = "nothing on stderr";
    else if (location.hash === `#at=${offset}`) goTo(offset);
    else location.hash = `#at=${offset}`;
  });
  document.addEventListener("visibilitychange", () => reader.setSeen(!document.hidden));
  if (!goToLink()) reader.start(END);
}

/** The search in a log: on Enter the next find, with the shift key the one before. */
function enableFind(form, view) {
  const { text } = form.elements;
  const found = element("found");
  const go = (by) => {
    if (text.value === "") return;
    const { at, of } = view.findNext(by);
    found.textContent = of === 0 ? "none" : `${at} of ${of}`;
  };
  text.addEventListener("input", () => {
    const lines = view.find(text.value);
    found.textContent = text.value === "" ? "" : lines === 0 ? "none" : `${lines} lines`;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go(1);
  });
  form.addEventListener("back", () => go(-1));
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.shiftKey) return;
    event.preventDefault();
    go(-1);
  });
}

/** Where the output of a log begins; null if there is none. */
async function firstOffset(path) {
  try {
    const response = await fetch(ours(path), { headers: { Accept: "application/x-ndjson" } });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let lines = [];
    // A record is in the first lines: only a gap, or the end, may be before it.
    for (let done = false; !done && lines.find(isRecord) === undefined;) {
      const piece = await reader.read();
      done = piece.done;
      text += piece.value ?? "";
      lines = text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
    }
    await reader.cancel();
    return lines.find(isRecord)?.offset ?? null;
  } catch {
    tell("The daemon cannot be reached");
    return null;
  }
}

function isRecord({ offset }) {
  return offset !== undefined;
}

/**
 * Reads a log to its end. A browser makes only six connections to a host, so a page that nobody sees gives its own
 * back, and goes on later.
 */
class LogReader {
  view = null;
  #path;
  #on;
  #source = null;
  #timer;
  /** Where it goes on, or null if there is nothing to go on with. */
  #next = null;
  #retryMs = RETRY_MS.first;
  #isAtEnd = true;

  constructor(path, on) {
    this.#path = path;
    this.#on = on;
  }

  /** Whether what it reads goes on to the end of the log. */
  get isAtEnd() {
    return this.#isAtEnd;
  }

  /** @param {string} from where to begin, as a query */
  start(from) {
    this.#close();
    this.#next = from;
    this.#isAtEnd = true;
    if (!document.hidden) this.#open();
  }

  /** Reads no more, for a reason that is shown. */
  stop(why) {
    this.#close();
    this.#next = null;
    this.#isAtEnd = false;
    element("log-state").textContent = why;
  }

  setSeen(isSeen) {
    if (!isSeen) this.#close();
    else if (this.#next !== null) this.#open();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #open() {
    this.#close();
    const state = element("log-state");
    const source = this.#source = new EventSource(ours(`${this.#path}?follow=1&${this.#next}`));
    const on = (type, use) =>
      source.addEventListener(type, (event) => {
        if (event.lastEventId !== "") this.#next = `offset=${event.lastEventId}`;
        use(JSON.parse(event.data));
      });
    source.addEventListener("open", () => {
      state.textContent = "live";
      this.#retryMs = RETRY_MS.first;
    });
    on("message", (record) => {
      this.view.write(record);
      this.#on.grown();
    });
    on("gap", ({ gap }) => this.view.note(`${gap.to - gap.from} bytes were dropped here`));
    on("end", () => {
      this.#close();
      this.#next = null;
      state.textContent = "complete";
      this.#on.ended();
    });
    on("problem", ({ detail, status }) => {
      // The daemon is shutting down and may come back.
      if (status === 503) return;
      this.#close();
      this.#next = null;
      state.textContent = detail;
    });
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      state.textContent = "reconnecting …";
      if (source.readyState !== EventSource.CLOSED) return;
      // The daemon has given an answer that is no log.
      this.#on.failed();
      this.#timer = setTimeout(() => this.#open(), this.#retryMs);
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS.last);
    });
  }
}
