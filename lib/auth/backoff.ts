import { BoundedMap } from "./bounded_map.ts";

/** Options of {@linkcode Backoff}. */
export interface BackoffOptions {
  /** How many failures cost nothing. */
  readonly free: number;
  /** The wait after the next failure; it doubles with each further one, up to `maxMs`. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** Failures are forgotten once there has been none for this long. */
  readonly forgetMs: number;
  /** If there are more, the keys that failed longest ago are forgotten. */
  readonly maxKeys: number;
}

interface Failures {
  readonly count: number;
  /** When the last one was. */
  readonly time: number;
}

/**
 * How long somebody who keeps failing has to wait. It never sleeps itself; callers ask it, and pass the
 * time in milliseconds of any clock that does not go back.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #failures: BoundedMap<string, Failures>;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#failures = new BoundedMap(options.maxKeys);
  }

  /** How long to wait before the next try; 0 if it may be now. */
  waitMs(key: string, now: number): number {
    const { free, firstMs, maxMs } = this.#options;
    const { count, time } = this.#recent(key, now);
    if (count <= free) return 0;
    return Math.max(0, time + Math.min(firstMs * 2 ** (count - free - 1), maxMs) - now);
  }

  /**
   * Counts a failure, or a try that may become one, so that many tries at once are no way around
   * it.
   */
  fail(key: string, now: number): void {
    this.#failures.set(key, { count: this.#recent(key, now).count + 1, time: now });
  }

  /** Takes back what {@linkcode fail} has counted for a try that succeeded. */
  forgive(key: string, now: number): void {
    const { count, time } = this.#recent(key, now);
    if (count > 1) this.#failures.set(key, { count: count - 1, time });
    else this.#failures.delete(key);
  }

  #recent(key: string, now: number): Failures {
    const failures = this.#failures.get(key);
    const isRecent = failures !== undefined && now - failures.time < this.#options.forgetMs;
    return isRecent ? failures : { count: 0, time: now };
  }
}
