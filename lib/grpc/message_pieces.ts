import type { Buffer } from "node:buffer";

/**
 * A message in pieces, for grpc-js instead of one buffer. All that it does with an answer is to ask for its length,
 * and to have it copied behind that length, so the pieces need not be put together before.
 */
export class MessagePieces implements Pick<Buffer, "byteLength" | "copy"> {
  readonly byteLength: number;
  readonly #pieces: readonly Uint8Array[];

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
    this.byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  }

  copy(target: Uint8Array, begin = 0): number {
    let at = begin;
    for (const piece of this.#pieces) {
      target.set(piece, at);
      at += piece.byteLength;
    }
    return this.byteLength;
  }
}
