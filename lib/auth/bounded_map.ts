/** A map that forgets the key that was set longest ago when there are too many. */
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
