import { Buffer } from "node:buffer";

/** How much of a line is held until its end comes. What is longer is cut. */
const MAX_HELD_BYTES = 8 * 1024;

const NEWLINE = 0x0a;
const END = Uint8Array.of(NEWLINE);

/**
 * Makes whole lines of output that comes in pieces, each with the same bytes before it: a line must not end up behind
 * a part of another host's.
 */
export class Lines {
  readonly #prefix: Uint8Array;
  /** The beginning of a line. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(prefix: Uint8Array) {
    this.#prefix = prefix;
  }

  /** The lines that are whole with this piece; a line that is too long is cut in two. */
  add(data: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let start = 0; start < data.length;) {
      const newline = data.indexOf(NEWLINE, start);
      const end = newline < 0 ? data.length : newline + 1;
      this.#held.push(data.subarray(start, end));
      this.#heldBytes += end - start;
      if (newline >= 0) parts.push(this.#prefix, ...this.#take());
      else if (this.#heldBytes >= MAX_HELD_BYTES) parts.push(this.#prefix, ...this.#take(), END);
      start = end;
    }
    // What is held on to must not keep the whole piece.
    this.#held = this.#heldBytes === 0 ? [] : [Buffer.concat(this.#held)];
    return Buffer.concat(parts);
  }

  /** What is left of a last line that does not end. */
  end(): Uint8Array {
    if (this.#heldBytes === 0) return new Uint8Array();
    return Buffer.concat([this.#prefix, ...this.#take(), END]);
  }

  #take(): Uint8Array[] {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    return held;
  }
}
