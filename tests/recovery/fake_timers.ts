/** Timers that the test lets run out. */
export class FakeTimers implements Disposable {
  readonly #original = {
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    now: performance.now,
  };
  readonly #timers = new Map<number, { at: number; run: () => void }>();
  #now = 0;
  /** Unlike those of timers that run already. */
  #lastId = 1e9;

  constructor() {
    const after = (id: number, ms: number, run: () => void) => {
      this.#timers.set(id, { at: this.#now + ms, run });
      return id;
    };
    const every = (id: number, ms: number, run: () => void): number =>
      after(id, ms, () => {
        every(id, ms, run);
        run();
      });
    const original = this.#original;
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms: number) => after(++this.#lastId, ms, run),
      clearTimeout: (id: number) => this.#timers.delete(id) || original.clearTimeout(id),
      setInterval: (run: () => void, ms: number) => every(++this.#lastId, ms, run),
      clearInterval: (id: number) => this.#timers.delete(id) || original.clearInterval(id),
    });
    performance.now = () => this.#now;
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until);
      const [next] = due.sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined) break;
      const [id, { at, run }] = next;
      this.#timers.delete(id);
      this.#now = at;
      run();
    }
    this.#now = until;
  }

  /** How long until the next one runs out; `Infinity` if there is none. */
  get next(): number {
    return Math.min(...this.#timers.values().map(({ at }) => at)) - this.#now;
  }

  get pending(): number {
    return this.#timers.size;
  }

  [Symbol.dispose](): void {
    const { now, ...timers } = this.#original;
    Object.assign(globalThis, timers);
    performance.now = now;
  }
}
