/** How long after a failure it is tried again: twice as long each time, up to an hour. */
export interface RetryTimes {
  readonly firstMs: number;
  readonly lastMs: number;
  /** After so many tries it is given up. */
  readonly attempts: number;
}

/** In all, a day. */
export const RETRY_TIMES: RetryTimes = { firstMs: 5_000, lastMs: 3_600_000, attempts: 33 };

/** By how much a pause may be longer, so that a receiver that was away is not overrun when it is back. */
const JITTER = 0.2;

/**
 * @param attempts how many have failed
 * @returns the pause before the next one, in milliseconds; `null` if there is none
 */
export function pauseAfter(
  attempts: number,
  { firstMs, lastMs, ...most }: RetryTimes,
): number | null {
  if (attempts >= most.attempts) return null;
  return Math.min(firstMs * 2 ** (attempts - 1), lastMs) * (1 + JITTER * Math.random());
}
