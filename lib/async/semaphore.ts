import { JobWorkerError } from "../errors.ts";

/** Options of {@linkcode Semaphore}. */
export interface SemaphoreOptions {
  /** How much can be held at once. */
  readonly total: number;
  /** How much may be waited for. */
  readonly maxWaiting: number;
  /** The error message for a caller who would wait for more. */
  readonly refusal: string;
}

interface Waiting {
  readonly amount: number;
  readonly granted: PromiseWithResolvers<Disposable>;
}

/**
 * A weighted semaphore, for something of which there is only so much: bytes of memory, or the one turn to
 * write. Callers are served in order, even if the first one asks for much.
 *
 * ```ts
 * import { Semaphore } from "./semaphore.ts";
 *
 * const turns = new Semaphore({ total: 1, maxWaiting: 10, refusal: "Too many wait" });
 * {
 *   using _turn = await turns.acquire(1);
 *   // Nobody else is here.
 * }
 * ```
 */
export class Semaphore {
  readonly #options: SemaphoreOptions;
  #left: number;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();

  constructor(options: SemaphoreOptions) {
    this.#options = options;
    this.#left = options.total;
  }

  /**
   * Waits for a share, which is the caller's until it is disposed of.
   *
   * @param amount an amount above the total counts as the total
   * @throws the reason of the signal; `resource_exhausted` if too much is waited for
   */
  async acquire(amount: number, signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    const { total, maxWaiting, refusal } = this.#options;
    const most = Math.min(amount, total);
    if (this.#waiting.size === 0 && most <= this.#left) return this.#share(most);
    if (this.#amountWaiting() + most > maxWaiting) {
      throw new JobWorkerError("resource_exhausted", refusal);
    }
    const waiting = { amount: most, granted: Promise.withResolvers<Disposable>() };
    // Right in the event, not when this function goes on: nothing may be granted in between.
    const onAbort = () => {
      this.#waiting.delete(waiting);
      waiting.granted.reject(signal?.reason);
      this.#serve();
    };
    this.#waiting.add(waiting);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await waiting.granted.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #amountWaiting(): number {
    let sum = 0;
    for (const { amount } of this.#waiting) sum += amount;
    return sum;
  }

  #serve(): void {
    for (const waiting of this.#waiting) {
      const { amount, granted } = waiting;
      if (amount > this.#left) return;
      this.#waiting.delete(waiting);
      granted.resolve(this.#share(amount));
    }
  }

  #share(amount: number): Disposable {
    this.#left -= amount;
    let left = amount;
    return {
      [Symbol.dispose]: () => {
        this.#left += left;
        left = 0;
        this.#serve();
      },
    };
  }
}
