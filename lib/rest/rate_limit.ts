/** Options of {@linkcode limited}. */
export interface LimitedOptions {
  readonly most: number;
  readonly perMs: number;
  /** Milliseconds of a clock that does not go back; `performance.now` by default. */
  readonly now?: () => number;
}

/**
 * Makes a function that passes on so many reports in a while, and no more: those who cause them must
 * not fill a disk. The first one after some were left out says how many.
 */
export function limited<T>(
  report: (item: T, leftOut: number) => void,
  { most, perMs, now = () => performance.now() }: LimitedOptions,
): (item: T) => void {
  let since = -Infinity;
  let count = 0;
  return (item) => {
    const time = now();
    if (time - since >= perMs) {
      const leftOut = Math.max(0, count - most);
      since = time;
      count = 1;
      report(item, leftOut);
    } else if (++count <= most) report(item, 0);
  };
}
