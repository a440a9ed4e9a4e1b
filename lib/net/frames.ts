/**
 * Frames between the processes of a daemon: a JSON head followed by raw bytes, so that output is neither
 * escaped nor copied more than once.
 *
 * A frame is the length of its head (u32, little endian), the length of its bytes (u32), the head as
 * JSON in UTF-8, and the bytes.
 *
 * @module
 */

/** How much of a frame tells its size. */
export const PREFIX_BYTES = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A JSON value together with raw bytes. */
export interface Frame {
  readonly head: unknown;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Packs a head and the parts of the bytes, one after the other, without copying what may be large. */
export function framePieces(
  head: unknown,
  parts: readonly Uint8Array<ArrayBuffer>[] = [],
): Uint8Array<ArrayBuffer>[] {
  const json = encoder.encode(JSON.stringify(head));
  const begin = new Uint8Array(PREFIX_BYTES + json.byteLength);
  const view = new DataView(begin.buffer);
  view.setUint32(0, json.byteLength, true);
  view.setUint32(4, parts.reduce((sum, part) => sum + part.byteLength, 0), true);
  begin.set(json, PREFIX_BYTES);
  return [begin, ...parts.filter((part) => part.byteLength > 0)];
}

/** A frame in one piece. */
export function encodeFrame(
  head: unknown,
  parts: readonly Uint8Array<ArrayBuffer>[] = [],
): Uint8Array<ArrayBuffer> {
  return concat(framePieces(head, parts));
}

/** The size of a frame, of which at least the prefix is there. */
export function frameSize(begin: Uint8Array<ArrayBuffer>): number {
  const view = new DataView(begin.buffer, begin.byteOffset, PREFIX_BYTES);
  return PREFIX_BYTES + view.getUint32(0, true) + view.getUint32(4, true);
}

/**
 * Unpacks a whole frame. Its bytes are a part of it, and no copy.
 *
 * @throws if it holds less or more than one frame
 */
export function decodeFrame(whole: Uint8Array<ArrayBuffer>): Frame {
  if (whole.byteLength < PREFIX_BYTES || frameSize(whole) !== whole.byteLength) {
    throw new Error(`${whole.byteLength} bytes are not one frame`);
  }
  const headBytes = new DataView(whole.buffer, whole.byteOffset).getUint32(0, true);
  const bytesAt = PREFIX_BYTES + headBytes;
  const head: unknown = JSON.parse(decoder.decode(whole.subarray(PREFIX_BYTES, bytesAt)));
  return { head, bytes: whole.subarray(bytesAt) };
}

/**
 * Unpacks the frames in a buffer, one after the other.
 *
 * @throws if it ends in the middle of one
 */
export function framesIn(buffer: Uint8Array<ArrayBuffer>): Frame[] {
  const frames: Frame[] = [];
  for (let rest = buffer; rest.byteLength > 0;) {
    const size = rest.byteLength < PREFIX_BYTES ? PREFIX_BYTES : frameSize(rest);
    frames.push(decodeFrame(rest.subarray(0, size)));
    rest = rest.subarray(size);
  }
  return frames;
}

/** As `Buffer.concat()`, without what of Node comes with it: an executor is to be small. */
export function concat(pieces: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
