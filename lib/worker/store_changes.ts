import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";

/** How long to wait before a change is tried again, in milliseconds: from, to. */
const RETRY_MS = { first: 500, last: 30_000 };

/**
 * Changes of the store that must be made although no caller is left to repeat them: sooner or later a full
 * disk has room again.
 */
export class StoreChanges implements AsyncDisposable {
  readonly #closing = new AbortController();
  readonly #waiting = new Set<Promise<void>>();

  /**
   * Makes a change. If that fails, goes on trying until it succeeds.
   *
   * @param onFault called if it could not be made at once
   * @returns after the first try
   */
  async make(change: () => Promise<void>, onFault: (error: unknown) => void): Promise<void> {
    try {
      await change();
    } catch (error) {
      onFault(error);
      const made = this.#retry(change).finally(() => this.#waiting.delete(made));
      this.#waiting.add(made);
    }
  }

  /** Tries once more to make the changes that are left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#waiting);
  }

  async #retry(change: () => Promise<void>): Promise<void> {
    const { signal } = this.#closing;
    const nextWait = doubling(RETRY_MS);
    for (;;) {
      await delay(nextWait(), { signal }).catch(() => {});
      const isLast = signal.aborted;
      try {
        return await change();
      } catch {
        if (isLast) return;
      }
    }
  }
}
