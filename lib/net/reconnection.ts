import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError } from "../errors.ts";

/** The pauses before a call is made again. */
const PAUSE_MS = { first: 100, last: 2000 };

/** Options of {@linkcode Reconnection}. */
export interface ReconnectionOptions {
  /** How long to keep trying without any success, in milliseconds. */
  readonly timeoutMs: number;
  /** The most attempts without any success, including the first. */
  readonly maxAttempts?: number;
  /** Called each time before the call is made again. */
  onReconnecting?(error: JobWorkerError): void;
}

/** Decides whether and when a call is made again that has found no daemon, or lost it. */
export class Reconnection {
  readonly #options: ReconnectionOptions;
  #attempts = 0;
  #nextPause = doubling(PAUSE_MS);
  /** When the current series of failures began. */
  #failingSince: number | null = null;

  constructor(options: ReconnectionOptions) {
    this.#options = options;
  }

  /** Call this when the call has made progress: the next failure then begins a new series. */
  succeeded(): void {
    this.#attempts = 0;
    this.#failingSince = null;
    this.#nextPause = doubling(PAUSE_MS);
  }

  /**
   * Resolves when the call should be made again.
   *
   * @throws the error if a repeat would not help, or has not helped for too long
   */
  async recover(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!(error instanceof JobWorkerError && error.code === "unavailable")) throw error;
    const { timeoutMs, maxAttempts = Infinity, onReconnecting } = this.#options;
    const now = performance.now();
    this.#failingSince ??= now;
    if (now - this.#failingSince >= timeoutMs || ++this.#attempts >= maxAttempts) throw error;
    onReconnecting?.(error);
    // Jitter, so that the clients of a restarted daemon do not all come at once.
    const pause = this.#nextPause() * (0.5 + Math.random() / 2);
    await delay(pause, signal === undefined ? {} : { signal });
  }
}
