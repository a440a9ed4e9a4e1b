/** The longest delay that a timer takes, in milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Calls back so long after it was made, by a clock that nobody sets; that time may be changed. */
export class TimeLimit {
  readonly #onReached: () => void;
  readonly #startedAt = performance.now();
  #ms = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onReached: () => void) {
    this.#onReached = onReached;
  }

  /** The limit in milliseconds; 0: none. */
  get ms(): number {
    return this.#ms;
  }

  /** How long it has been, in milliseconds. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Sets the limit, from when this was made; one that has passed is reached at once. */
  set(ms: number): void {
    this.#ms = ms;
    this.stop();
    if (ms > 0) this.#wait();
  }

  /** Calls back no more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const left = Math.max(0, this.#ms - this.elapsedMs);
    this.#timer = left > MAX_DELAY_MS
      ? setTimeout(() => this.#wait(), MAX_DELAY_MS)
      : setTimeout(this.#onReached, left);
  }
}
