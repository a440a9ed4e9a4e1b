/** Smaller ones are made anew: that costs next to nothing. */
const SMALL_BYTES = 16 * 1024;
/** How many are kept, and how large they may be: what a few streams at once need. */
const MOST = 8;
const LARGE_BYTES = 512 * 1024;

/**
 * Buffers that are used again. To make one of 256 KiB and to get rid of it takes the processor longer than to fill it.
 */
export class SpareBuffers {
  readonly #spare: ArrayBuffer[] = [];

  /** @returns one that may be larger, and holds whatever it held */
  take(bytes: number): ArrayBuffer {
    if (bytes < SMALL_BYTES) return new ArrayBuffer(bytes);
    const index = this.#spare.findIndex(({ byteLength }) => byteLength >= bytes);
    const [found] = index < 0 ? [] : this.#spare.splice(index, 1);
    return found ?? new ArrayBuffer(bytes);
  }

  /** Takes one back that nobody uses any more. */
  give(buffer: ArrayBuffer): void {
    const { byteLength } = buffer;
    if (byteLength < SMALL_BYTES || byteLength > LARGE_BYTES) return;
    if (this.#spare.length === MOST) this.#spare.shift();
    this.#spare.push(buffer);
  }
}
