/** How often each of a few things has happened, since the process began. */
export class Tally<Key> {
  readonly #counts = new Map<Key, number>();

  /** @param amount below 0 if something is over, of what is counted while it lasts */
  add(key: Key, amount = 1): void {
    this.#counts.set(key, this.of(key) + amount);
  }

  of(key: Key): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Each key that has ever been counted. */
  entries(): MapIterator<[Key, number]> {
    return this.#counts.entries();
  }
}
