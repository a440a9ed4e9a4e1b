/**
 * Which jobs change, for all pages of a browser: one of them asks the daemon, and tells the others. A browser makes
 * only six connections to a host, and each page would need one of its own otherwise.
 *
 * @module
 */

import { ours } from "./server.js";

const NAME = "job-worker-changes";
/** The delay before a retry that the browser does not make itself; it doubles with each failure. */
const RETRY_MS = { first: 3000, last: 60_000 };

/**
 * Watches until it is told to stop.
 *
 * @param {(job: object | null) => void} onChange told of a job that has changed: its id, owner, host and labels;
 * `null`: any may have
 * @returns {() => void} stops it
 */
export function watchChanges(onChange) {
  const stopping = new AbortController();
  const { signal } = stopping;
  const channel = new BroadcastChannel(NAME);
  channel.addEventListener("message", ({ data }) => onChange(data));
  const tell = (job) => {
    channel.postMessage(job);
    onChange(job);
  };
  // Whoever has the lock asks; the next one has it as soon as this page is left.
  navigator.locks.request(NAME, { signal }, () => ask(tell, signal)).catch(() => {});
  return () => {
    stopping.abort();
    channel.close();
  };
}

/** Asks the daemon until the signal. */
function ask(tell, signal) {
  const stopped = Promise.withResolvers();
  let source;
  let timer;
  let retryMs = RETRY_MS.first;
  const open = () => {
    source = new EventSource(ours("/v1/watch?newest=1"));
    let isFirst = true;
    source.addEventListener("open", () => {
      retryMs = RETRY_MS.first;
      isFirst = true;
      tell(null);
    });
    source.addEventListener("message", ({ data }) => {
      const { jobId, owner, host, labels } = JSON.parse(data);
      // Once the first one is there, the daemon watches: what was before that is not told.
      tell(isFirst ? null : { jobId, owner, host, labels });
      isFirst = false;
    });
    // There is nothing that this reader may see.
    source.addEventListener("end", () => source.close());
    source.addEventListener("error", () => {
      tell(null);
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, retryMs);
      retryMs = Math.min(2 * retryMs, RETRY_MS.last);
    });
  };
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    source.close();
    stopped.resolve();
  });
  open();
  return stopped.promise;
}

/** Whether a job is among those that a page shows: those that have all of the given members. */
export function isAmong(job, members) {
  return Object.entries(members).every(([name, value]) =>
    value instanceof Object ? isAmong(job[name] ?? {}, value) : job[name] === value
  );
}
