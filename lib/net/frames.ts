/**
 * Frames between the processes of a daemon: a JSON head followed by raw bytes, so that output is neither
 * escaped nor copied more than once.
 *
 * A frame is the length of its head (u32, little endian), the length of its bytes (u32), the head as
 * JSON in UTF-8, and the bytes.
 *
 * @module
 */

const PREFIX_BYTES = 8;

/** A JSON value together with raw bytes. */
export interface Frame {
  readonly head: unknown;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Packs a head and the parts of the bytes, one after the other. */
export function encodeFrame(
  head: unknown,
  parts: readonly Uint8Array[] = [],
): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const frame = new Uint8Array(PREFIX_BYTES + json.byteLength + size);
  const view = new DataView(frame.buffer);
  view.setUint32(0, json.byteLength, true);
  view.setUint32(4, size, true);
  frame.set(json, PREFIX_BYTES);
  let at = PREFIX_BYTES + json.byteLength;
  for (const part of parts) {
    frame.set(part, at);
    at += part.byteLength;
  }
  return frame;
}

/**
 * Unpacks the single frame in a buffer.
 *
 * @throws if it holds less or more than one frame
 */
export function decodeFrame(buffer: Uint8Array<ArrayBuffer>): Frame {
  if (buffer.byteLength < PREFIX_BYTES || sizeOf(buffer) !== buffer.byteLength) {
    throw new Error(`${buffer.byteLength} bytes are not one frame`);
  }
  return frameOf(buffer);
}

/**
 * Unpacks frames from a stream, in whatever pieces it arrives.
 *
 * @param turn waits before each frame, which may take a while; by default there is no need to
 */
export async function* decodeFrames(
  source: AsyncIterable<Uint8Array<ArrayBuffer>>,
  turn?: () => Promise<void>,
): AsyncGenerator<Frame, void, undefined> {
  let rest: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  let wanted = PREFIX_BYTES;
  for await (const piece of source) {
    rest.push(piece);
    length += piece.byteLength;
    if (length < wanted) continue;
    let buffer = concat(rest);
    for (;;) {
      wanted = sizeOf(buffer);
      if (buffer.byteLength < wanted) break;
      await turn?.();
      yield frameOf(buffer.subarray(0, wanted));
      buffer = buffer.subarray(wanted);
    }
    rest = [buffer];
    length = buffer.byteLength;
  }
}

function sizeOf(buffer: Uint8Array): number {
  if (buffer.byteLength < PREFIX_BYTES) return PREFIX_BYTES;
  const view = new DataView(buffer.buffer, buffer.byteOffset);
  return PREFIX_BYTES + view.getUint32(0, true) + view.getUint32(4, true);
}

function frameOf(buffer: Uint8Array<ArrayBuffer>): Frame {
  const headEnd = PREFIX_BYTES + new DataView(buffer.buffer, buffer.byteOffset).getUint32(0, true);
  const head: unknown = JSON.parse(
    new TextDecoder().decode(buffer.subarray(PREFIX_BYTES, headEnd)),
  );
  return { head, bytes: buffer.subarray(headEnd) };
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
