/**
 * A map that forgets the key that was set longest ago when there are too many.
 *
 * The quick-lru package does not do: it may hold twice as many keys as its limit, forgets half of them
 * at once, and keeps a key for being read. Here only a failed attempt may keep one.
 */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #maxKeys: number;

  constructor(maxKeys: number) {
    super();
    this.#maxKeys = maxKeys;
  }

  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    for (const oldest of this.keys()) {
      if (this.size <= this.#maxKeys) break;
      this.delete(oldest);
    }
    return this;
  }
}
