import { delay } from "../delay.ts";

/** Options of {@linkcode retry}. */
export interface RetryOptions {
  /** Before the second attempt; each pause is twice the one before it, up to the longest. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  readonly signal: AbortSignal;
  /** Told of each attempt that failed; another is made if it returns true. */
  readonly again: (error: unknown) => boolean;
}

/**
 * Does what may fail for a while until it succeeds.
 *
 * @throws what the last attempt has failed with; the reason of the signal, once that is aborted
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  { firstPauseMs, longestPauseMs, signal, again }: RetryOptions,
): Promise<T> {
  for (let pause = firstPauseMs;; pause = Math.min(2 * pause, longestPauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!again(error)) throw error;
    }
    await delay(pause, { signal });
  }
}
