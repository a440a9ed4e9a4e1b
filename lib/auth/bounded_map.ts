/** A map that forgets the key that was set longest ago when there are too many. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #mostKeys: number;

  constructor(mostKeys: number) {
    super();
    this.#mostKeys = mostKeys;
  }

  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    for (const oldest of this.keys()) {
      if (this.size <= this.#mostKeys) break;
      this.delete(oldest);
    }
    return this;
  }
}
