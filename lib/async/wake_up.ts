/**
 * Tells any number of waiters that something has changed, without a queue and without polling.
 *
 * Take the promise first, then look at the state, then wait: a change in between is never missed.
 *
 * ```ts
 * import { WakeUp } from "./wake_up.ts";
 *
 * const wakeUp = new WakeUp();
 * const changed = wakeUp.next();
 * setTimeout(() => wakeUp.notify());
 * await changed;
 * ```
 */
export class WakeUp {
  #next = Promise.withResolvers<void>();

  /** Settles at the next {@linkcode notify}. */
  next(): Promise<void> {
    return this.#next.promise;
  }

  /** Wakes everybody who waits now. */
  notify(): void {
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers();
    resolve();
  }
}
