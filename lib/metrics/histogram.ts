/** What a {@linkcode Histogram} has counted, as one process tells another. */
export interface HistogramState {
  /** The upper bounds of the buckets, ascending; the last bucket has none. */
  readonly bounds: readonly number[];
  /** How many values each bucket has got, that without a bound last. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/**
 * Counts values, such as seconds, by how large they are.
 *
 * ```ts
 * import { Histogram } from "./histogram.ts";
 *
 * const latency = new Histogram([0.1, 1]);
 * latency.observe(0.05);
 * console.log(latency.state.counts); // [1, 0, 0]
 * ```
 */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds the upper bounds of the buckets, ascending; a value at a bound is within it */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = found === -1 ? this.#bounds.length : found;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  /** What it has counted until now. */
  get state(): HistogramState {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum };
  }
}
