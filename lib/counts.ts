/**
 * How much of something each key has, such as each user of connections. A key that has none takes no memory.
 *
 * ```ts
 * import { Counts } from "./counts.ts";
 *
 * const connections = new Counts<string>();
 * connections.add("alice", 1);
 * connections.add("alice", -1);
 * console.log(connections.of("alice")); // 0
 * ```
 */
export class Counts<Key> {
  readonly #counts = new Map<Key, number>();

  of(key: Key): number {
    return this.#counts.get(key) ?? 0;
  }

  /** @param amount below 0 if it is given back */
  add(key: Key, amount: number): void {
    const count = this.of(key) + amount;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
