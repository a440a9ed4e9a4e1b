/** Calls back at the earliest of several deadlines, by a clock that nobody sets. */
export class KillTimer {
  readonly #onDue: () => void;
  #due = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** Whether a deadline has passed. */
  get isDue(): boolean {
    return performance.now() >= this.#due;
  }

  /** Sets a deadline in so many milliseconds, unless there is an earlier one. */
  schedule(afterMs: number): void {
    const due = performance.now() + afterMs;
    if (due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onDue, afterMs);
  }

  /** Calls back no more. What was due stays due. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
