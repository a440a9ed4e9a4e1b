import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError } from "../errors.ts";
import type { Channel } from "./channel.ts";
import type { CallLimits } from "./client_call.ts";
import { isRefusal } from "./diagnose.ts";

/** The pauses before a call is made again. */
const PAUSE_MS = { first: 100, last: 2000 };

/** A call that took at least this long had a working connection. */
const STEADY_MS = 5000;

/** How long finding out why there is no connection may take. */
const DIAGNOSIS_MS = 2000;

/** Options of {@linkcode Reconnection}. */
export interface ReconnectionOptions {
  /** How long to keep trying without any success. */
  readonly timeoutMs: number;
  /** The most attempts without any success, including the first. */
  readonly maxAttempts?: number;
  /** Called each time before a call is made again. */
  onReconnecting?(error: JobWorkerError): void;
}

/** Decides whether and when a call is made again after its connection broke. */
export class Reconnection {
  readonly #channel: Channel;
  readonly #options: ReconnectionOptions;
  readonly #limits: CallLimits;
  #attempts = 0;
  #nextPause = doubling(PAUSE_MS);
  #refusals = 0;
  /** When the current series of failures began. */
  #failingSince = 0;
  #startedAt = Date.now();

  constructor(channel: Channel, options: ReconnectionOptions, limits: CallLimits) {
    this.#channel = channel;
    this.#options = options;
    this.#limits = limits;
  }

  /** Call this when the call has made progress: the next failure then begins a new series. */
  succeeded(): void {
    this.#attempts = 0;
    this.#refusals = 0;
    this.#nextPause = doubling(PAUSE_MS);
  }

  /**
   * Resolves when the call should be made again.
   *
   * @throws the error if a repeat would not help, or has not helped for too long
   * @throws {JobWorkerError} why there is no connection, if there was none in time
   */
  async recover(error: unknown): Promise<void> {
    const { signal, deadline } = this.#limits;
    if (Date.now() - this.#startedAt >= STEADY_MS) this.succeeded();
    for (let last = error;;) {
      const until = await this.#pause(last);
      const limit = Math.min(until, deadline);
      if (await this.#channel.connected({ until: limit, keepTrying: true, signal })) break;
      const refusal = await this.#channel.refusal();
      if (refusal === null) {
        if (deadline <= until) throw new JobWorkerError("deadline_exceeded", "Deadline exceeded");
        throw await this.#channel.diagnose({ until: Date.now() + DIAGNOSIS_MS, signal }) ?? last;
      }
      last = refusal;
    }
    this.#startedAt = Date.now();
  }

  /** Waits a while after a failure, and returns until when to try; throws it if trying again is no use. */
  async #pause(error: unknown): Promise<number> {
    const { timeoutMs, maxAttempts = Infinity, onReconnecting } = this.#options;
    if (!(error instanceof JobWorkerError && error.code === "unavailable")) throw error;
    if (isRefusal(error) && this.#isFinal(error)) throw error;
    const now = Date.now();
    if (this.#attempts === 0) this.#failingSince = now;
    const until = this.#failingSince + timeoutMs;
    if (now >= until || ++this.#attempts >= maxAttempts) throw error;
    onReconnecting?.(error);
    const pause = this.#nextPause();
    // Jitter, so that the clients of a restarted daemon do not all come at once.
    const { deadline } = this.#limits;
    await delay(Math.min(pause * (0.5 + Math.random() / 2), deadline - now), this.#limits);
    return until;
  }

  /** A daemon that dies during the handshake looks as if it refused us, so only the second time counts. */
  #isFinal({ reason }: JobWorkerError): boolean {
    return reason !== "CLIENT_CERTIFICATE_REFUSED" || ++this.#refusals > 1;
  }
}
