/** What {@linkcode Nonces.add} finds. */
export type NonceVerdict = "new" | "other_epoch" | "repeated" | "full";

/**
 * Remembers which calls have come, so that none is taken twice.
 *
 * A call can be repeated by somebody else for as long as it is valid, and only as long is it remembered here. What is
 * forgotten too early, with this process or because the clock has gone back, belongs to another epoch. Callers name
 * that in their calls, and are told it when it has changed, as with the nonces of RFC 9449 §8.
 */
export class Nonces {
  readonly #maxNonces: number;
  /** Until when each one is remembered, the ones that came first in front. */
  readonly #seen = new Map<string, number>();
  #epoch = crypto.randomUUID();
  #latest = -Infinity;

  constructor(maxNonces: number) {
    this.#maxNonces = maxNonces;
  }

  /** @param now the time of the clock, in milliseconds */
  epoch(now: number): string {
    if (now < this.#latest) {
      this.#epoch = crypto.randomUUID();
      this.#seen.clear();
    }
    this.#latest = now;
    return this.#epoch;
  }

  /** @param expiresAt when the call is no longer valid, by the same clock */
  add(
    nonce: string,
    { epoch, expiresAt, now }: { epoch: string; expiresAt: number; now: number },
  ): NonceVerdict {
    if (epoch !== this.epoch(now)) return "other_epoch";
    for (const [oldest, until] of this.#seen) {
      // One that is valid for less time than those before it stays with them a little longer.
      if (until > now) break;
      this.#seen.delete(oldest);
    }
    if (this.#seen.has(nonce)) return "repeated";
    if (this.#seen.size >= this.#maxNonces) return "full";
    this.#seen.set(nonce, expiresAt);
    return "new";
  }
}
