/**
 * Whether anybody uses a gateway. While nobody does the engine leaves it alone, so it has to say when that changes.
 */
export class GatewayUse {
  readonly #onBegin: () => void;
  #isOver = false;
  /** Whether somebody has come since we were last asked. */
  #hasBegun = true;

  /** @param onBegin is called when somebody comes after it was {@linkcode isOver} */
  constructor(onBegin: () => void) {
    this.#onBegin = onBegin;
  }

  /** Takes note that somebody has come. */
  note(): void {
    this.#hasBegun = true;
    if (!this.#isOver) return;
    this.#isOver = false;
    this.#onBegin();
  }

  /** Whether nobody is there, and nobody has come since the last time this was asked. */
  isOver(connections: number): boolean {
    this.#isOver = connections === 0 && !this.#hasBegun;
    this.#hasBegun = false;
    return this.#isOver;
  }
}
