/** Tells of hosts that have said nothing for so long that they count as lost. */
export class LostHosts implements Disposable {
  readonly #afterMs: number;
  readonly #onLost: (host: string) => void;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** @param afterMs how long that is, in milliseconds */
  constructor(afterMs: number, onLost: (host: string) => void) {
    this.#afterMs = afterMs;
    this.#onLost = onLost;
  }

  /** A host has said something, or is known to have been there. */
  heard(host: string): void {
    this.remove(host);
    this.#timers.set(host, setTimeout(() => this.#onLost(host), this.#afterMs));
  }

  remove(host: string): void {
    clearTimeout(this.#timers.get(host));
    this.#timers.delete(host);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
