import { Buffer } from "node:buffer";

/** A flag, which is 1 if the message is compressed, and the length of the message (u32, big endian). */
const PREFIX_BYTES = 5;

/** In place of a message that need not be received. */
const EMPTY_MESSAGE = new Uint8Array(PREFIX_BYTES);

/** What a message says of itself before it comes. */
export interface AnnouncedMessage {
  readonly bytes: number;
  readonly isCompressed: boolean;
}

/**
 * Takes the messages of a call out of the bytes of its stream: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 *
 * It does what the `StreamDecoder` of grpc-js does, which receives all messages of up to one size, whatever
 * the method and whoever the caller. Here it is asked of each message whether it is wanted before it is received.
 */
export class MessageDecoder {
  readonly #isWanted: (message: AnnouncedMessage) => boolean;
  readonly #onComplete: () => void;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #prefixBytes = 0;
  /** What has come of the message, prefix included; `null` if it is not wanted. */
  #parts: Uint8Array[] | null = null;
  /** How much of the message is still to come. */
  #missing = 0;

  /**
   * @param isWanted false to have an empty message in place of this one; throws to end the call as
   *   `RESOURCE_EXHAUSTED`
   * @param onComplete told when all of a message has come
   */
  constructor(isWanted: (message: AnnouncedMessage) => boolean, onComplete = () => {}) {
    this.#isWanted = isWanted;
    this.#onComplete = onComplete;
  }

  /** Adds what has come; returns the messages that are complete, each with its prefix. */
  write(data: Uint8Array): Buffer[] {
    const messages: Buffer[] = [];
    for (let rest = data; rest.length > 0;) {
      const read = this.#prefixBytes < PREFIX_BYTES
        ? this.#readPrefix(rest, messages)
        : this.#readMessage(rest);
      rest = rest.subarray(read);
      if (this.#prefixBytes < PREFIX_BYTES || this.#missing > 0) continue;
      if (this.#parts !== null) messages.push(Buffer.concat(this.#parts));
      this.#parts = null;
      this.#prefixBytes = 0;
      this.#onComplete();
    }
    return messages;
  }

  #readPrefix(data: Uint8Array, messages: Buffer[]): number {
    const piece = data.subarray(0, PREFIX_BYTES - this.#prefixBytes);
    this.#prefix.set(piece, this.#prefixBytes);
    this.#prefixBytes += piece.length;
    if (this.#prefixBytes === PREFIX_BYTES) {
      const bytes = this.#prefix.readUInt32BE(1);
      this.#missing = bytes;
      if (this.#isWanted({ bytes, isCompressed: this.#prefix[0] !== 0 })) {
        this.#parts = [Buffer.from(this.#prefix)];
      } else messages.push(Buffer.from(EMPTY_MESSAGE));
    }
    return piece.length;
  }

  #readMessage(data: Uint8Array): number {
    const piece = data.subarray(0, this.#missing);
    this.#parts?.push(piece);
    this.#missing -= piece.length;
    return piece.length;
  }
}
