/** Options of {@linkcode rateLimit}. */
export interface RateLimitOptions {
  readonly max: number;
  readonly perMs: number;
  /** Milliseconds of a clock that does not go back; `performance.now` by default. */
  readonly now?: () => number;
}

/**
 * Makes a function that passes on so many reports in a while, and no more: those who cause them must
 * not fill a disk. The first one after some were left out says how many.
 */
export function rateLimit<T>(
  report: (item: T, leftOut: number) => void,
  { max, perMs, now = () => performance.now() }: RateLimitOptions,
): (item: T) => void {
  let since = -Infinity;
  let count = 0;
  return (item) => {
    const time = now();
    if (time - since >= perMs) {
      const leftOut = Math.max(0, count - max);
      since = time;
      count = 1;
      report(item, leftOut);
    } else if (++count <= max) report(item, 0);
  };
}
