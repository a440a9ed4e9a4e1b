import { delay } from "../async/delay.ts";
import { doubling, type Growth } from "../async/doubling.ts";

/** Options of {@linkcode retry}. */
export interface RetryOptions {
  /** How long to wait before each attempt but the first. */
  readonly pauseMs: Growth;
  readonly signal: AbortSignal;
  /** Is told of each attempt that failed; another is made if it returns true. */
  readonly again: (error: unknown) => boolean;
}

/**
 * Repeats what may fail for a while, until it succeeds.
 *
 * @throws the error of the last attempt; the reason of the signal, once it is aborted
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  { pauseMs, signal, again }: RetryOptions,
): Promise<T> {
  const nextPause = doubling(pauseMs);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!again(error)) throw error;
    }
    await delay(nextPause(), { signal });
  }
}
