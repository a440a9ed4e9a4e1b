import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError } from "../errors.ts";
import { isUnanswered } from "./unanswered.ts";

/** The pauses before somebody is asked again, in milliseconds: each is twice that before it. */
export interface Pauses {
  readonly first: number;
  readonly last: number;
}

/** Those before a host is. */
const PAUSES: Pauses = { first: 100, last: 2_000 };

/** Decides whether, and when, a host is asked again that has not answered. */
export class Patience {
  readonly #lastsMs: number;
  readonly #pauses: Pauses;
  #failingSince: number | null = null;
  #nextPause: () => number;

  /** @param lastsMs how long to keep asking without any answer */
  constructor(lastsMs: number, pauses: Pauses = PAUSES) {
    this.#lastsMs = lastsMs;
    this.#pauses = pauses;
    this.#nextPause = doubling(pauses);
  }

  /** The next failure begins a new series. */
  succeeded(): void {
    this.#failingSince = null;
    this.#nextPause = doubling(this.#pauses);
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
