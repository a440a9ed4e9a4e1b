/** Options of {@linkcode rateLimit}. */
export interface RateLimitOptions {
  readonly max: number;
  readonly perMs: number;
  /** A monotonic clock, in milliseconds; `performance.now` by default. */
  readonly now?: () => number;
}

/**
 * Makes a function that passes on a limited number of reports per period, so that those who cause them cannot
 * fill a disk. The first report after some were left out says how many they were.
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
