import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError } from "../errors.ts";
import { isUnanswered } from "./unanswered.ts";

/** The pauses before a host is asked again. */
const PAUSE_MS = { first: 100, last: 2000 };

/** Decides whether, and when, a host is asked again that has not answered. */
export class Patience {
  readonly #lastsMs: number;
  #failingSince: number | null = null;
  #nextPause = doubling(PAUSE_MS);

  /** @param lastsMs how long to keep asking without any answer */
  constructor(lastsMs: number) {
    this.#lastsMs = lastsMs;
  }

  /** The next failure begins a new series. */
  succeeded(): void {
    this.#failingSince = null;
    this.#nextPause = doubling(PAUSE_MS);
  }

  /**
   * Resolves when to ask again.
   *
   * @throws the error if that would not help, or has not helped for too long; the reason of the signal
   */
  async pause(error: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!mayPass(error)) throw error;
    const now = performance.now();
    this.#failingSince ??= now;
    if (now - this.#failingSince >= this.#lastsMs) throw error;
    // Jitter, so that those who follow logs of a host that has started again do not all come at once.
    await delay(this.#nextPause() * (0.5 + Math.random() / 2), { signal });
  }
}

/** Whether a host may answer if it is asked again: it is not there, does not answer, or is shutting down. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof JobWorkerError)) return false;
  return error.code === "unavailable" ||
    (isUnanswered(error) && error.code === "deadline_exceeded");
}
