import { BoundedMap } from "./bounded_map.ts";

/** Options of {@linkcode ExpiringSet}. */
export interface ExpiringSetOptions {
  /** How long a key is kept after it was last added. */
  readonly keptMs: number;
  /** If there are more, those that were added longest ago are forgotten. */
  readonly maxKeys: number;
}

/** A set that forgets. Callers pass the time in milliseconds of any clock that does not go back. */
export class ExpiringSet {
  readonly #keptMs: number;
  readonly #expiries: BoundedMap<string, number>;

  constructor({ keptMs, maxKeys }: ExpiringSetOptions) {
    this.#keptMs = keptMs;
    this.#expiries = new BoundedMap(maxKeys);
  }

  /** Adds a key, or keeps it from now on for as long as if it were new. */
  add(key: string, now: number): void {
    this.#expiries.set(key, now + this.#keptMs);
  }

  has(key: string, now: number): boolean {
    return (this.#expiries.get(key) ?? -Infinity) > now;
  }
}
