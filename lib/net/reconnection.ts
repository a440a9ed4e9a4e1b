import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError } from "../errors.ts";

/** The pauses before a call is made again. */
const PAUSE_MS = { first: 100, last: 2000 };

/** A call that took at least this long had a working connection. */
const STEADY_MS = 5000;

/** Options of {@linkcode Reconnection}. */
export interface ReconnectionOptions {
  /** How long to keep trying without any success, in milliseconds. */
  readonly timeoutMs: number;
  /** The most attempts without any success, including the first. */
  readonly maxAttempts?: number;
  /** Called each time before the call is made again. */
  onReconnecting?(error: JobWorkerError): void;
}

/** What bounds a call, however often it is made. */
export interface ReconnectionLimits {
  /** Ends the wait, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** A time of `Date.now()` beyond which no pause goes; none by default. */
  readonly deadline?: number;
}

/** What can be said of a connection apart from the call that is made over it. */
export interface Connecting {
  /**
   * Makes sure that there is one.
   *
   * @param timeoutMs how long it may take
   * @param cause why the last attempt has failed
   * @returns why this one has failed, if there may be another; otherwise it throws
   */
  connect(timeoutMs: number, cause: unknown): Promise<JobWorkerError | null>;
  /**
   * Whether a repeat would not help.
   *
   * @param isRepeated whether one for the same reason has failed in this series
   */
  isFinal(error: JobWorkerError, isRepeated: boolean): boolean;
}

/** The call itself connects. */
const WITH_THE_CALL: Connecting = {
  connect: () => Promise.resolve(null),
  isFinal: () => false,
};

/** Decides whether and when a call is made again that has found no daemon, or lost it. */
export class Reconnection {
  readonly #options: ReconnectionOptions;
  readonly #limits: ReconnectionLimits;
  readonly #connecting: Connecting;
  #attempts = 0;
  #nextPause = doubling(PAUSE_MS);
  /** When the current series of failures began, by `performance.now()`, as all times here. */
  #failingSince: number | null = null;
  /**
   * Why it has failed in this series: what may pass the first time, such as a refusal by a daemon that was just ending,
   * does not the second time.
   */
  readonly #reasons = new Set<string>();
  #startedAt = performance.now();

  constructor(
    options: ReconnectionOptions,
    limits: ReconnectionLimits,
    connecting: Connecting = WITH_THE_CALL,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#connecting = connecting;
  }

  /** Call this when the call has made progress: the next failure then begins a new series. */
  succeeded(): void {
    this.#attempts = 0;
    this.#failingSince = null;
    this.#reasons.clear();
    this.#nextPause = doubling(PAUSE_MS);
  }

  /**
   * Resolves when the call should be made again.
   *
   * @throws the error if a repeat would not help, or has not helped for too long
   */
  async recover(error: unknown): Promise<void> {
    if (performance.now() - this.#startedAt >= STEADY_MS) this.succeeded();
    for (let last: unknown = error; last !== null;) {
      const leftMs = await this.#pause(last);
      last = await this.#connecting.connect(leftMs, last);
    }
    this.#startedAt = performance.now();
  }

  /** Waits a while after a failure, and returns how long to try, in ms; throws it if trying again is no use. */
  async #pause(error: unknown): Promise<number> {
    const { timeoutMs, maxAttempts = Infinity, onReconnecting } = this.#options;
    if (!(error instanceof JobWorkerError && error.code === "unavailable")) throw error;
    const { reason = "" } = error;
    if (this.#connecting.isFinal(error, this.#reasons.has(reason))) throw error;
    this.#reasons.add(reason);
    const now = performance.now();
    this.#failingSince ??= now;
    const until = this.#failingSince + timeoutMs;
    if (now >= until || ++this.#attempts >= maxAttempts) throw error;
    onReconnecting?.(error);
    // Jitter, so that the clients of a restarted daemon do not all come at once.
    const pause = this.#nextPause() * (0.5 + Math.random() / 2);
    const { signal, deadline = Infinity } = this.#limits;
    await delay(Math.min(pause, deadline - Date.now()), signal === undefined ? {} : { signal });
    return until - performance.now();
  }
}
