import { Semaphore, type SemaphoreOptions } from "./semaphore.ts";

interface Entry {
  readonly semaphore: Semaphore;
  /** How many hold something of it, or wait for it. */
  users: number;
}

/**
 * A {@linkcode Semaphore} of its own for each key, such as a user, so that whoever takes all that they may have
 * keeps nobody else waiting. Only those that are in use take memory.
 *
 * ```ts
 * import { KeyedSemaphore } from "./keyed_semaphore.ts";
 *
 * const turns = new KeyedSemaphore<string>({ total: 1, maxWaiting: Infinity, refusal: "" });
 * using _alices = await turns.acquire("alice", 1);
 * using _bobs = await turns.acquire("bob", 1);
 * ```
 */
export class KeyedSemaphore<Key> {
  readonly #options: SemaphoreOptions;
  readonly #entries = new Map<Key, Entry>();

  /** @param options of each of them */
  constructor(options: SemaphoreOptions) {
    this.#options = options;
  }

  /** As `Semaphore.acquire()`, of the semaphore of a key. */
  async acquire(key: Key, amount: number, signal?: AbortSignal): Promise<Disposable> {
    const entry = this.#entries.get(key) ?? { semaphore: new Semaphore(this.#options), users: 0 };
    this.#entries.set(key, entry);
    entry.users++;
    using acquired = new DisposableStack();
    acquired.defer(() => {
      if (--entry.users === 0) this.#entries.delete(key);
    });
    acquired.use(await entry.semaphore.acquire(amount, signal));
    return acquired.move();
  }
}
