/**
 * Frames between the processes of a daemon: a JSON head followed by raw bytes, so that output is neither
 * escaped nor copied more than once.
 *
 * A frame is the length of its head (u32, little endian), the length of its bytes (u32), the head as
 * JSON in UTF-8, and the bytes.
 *
 * @module
 */

import type { SpareBuffers } from "./spare_buffers.ts";

const PREFIX_BYTES = 8;

/** A JSON value together with raw bytes. */
export interface Frame {
  readonly head: unknown;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Packs a head and the parts of the bytes, one after the other. */
export function encodeFrame(
  head: unknown,
  parts: readonly Uint8Array<ArrayBuffer>[] = [],
): Uint8Array<ArrayBuffer> {
  return concat(framePieces(head, parts));
}

/** The same, without copying what may be large. */
export function framePieces(
  head: unknown,
  parts: readonly Uint8Array<ArrayBuffer>[] = [],
): Uint8Array<ArrayBuffer>[] {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const begin = new Uint8Array(PREFIX_BYTES + json.byteLength);
  const view = new DataView(begin.buffer);
  view.setUint32(0, json.byteLength, true);
  view.setUint32(4, parts.reduce((sum, part) => sum + part.byteLength, 0), true);
  begin.set(json, PREFIX_BYTES);
  return [begin, ...parts.filter((part) => part.byteLength > 0)];
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
  return frameOf(buffer, buffer.subarray(PREFIX_BYTES));
}

/**
 * Unpacks the frames in a buffer, one after the other.
 *
 * @throws if it ends in the middle of one
 */
export function framesIn(buffer: Uint8Array<ArrayBuffer>): Frame[] {
  const frames: Frame[] = [];
  for (let rest = buffer; rest.byteLength > 0;) {
    const size = sizeOf(rest);
    frames.push(decodeFrame(rest.subarray(0, size)));
    rest = rest.subarray(size);
  }
  return frames;
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
      yield frameOf(buffer, buffer.subarray(PREFIX_BYTES, wanted));
      buffer = buffer.subarray(wanted);
    }
    rest = [buffer];
    length = buffer.byteLength;
  }
}

/** Options of {@linkcode readFrames}. */
export interface ReadFramesOptions {
  /** Waits before each frame, which may take a while. */
  readonly turn: () => Promise<void>;
  /** Where the bytes of frames go. */
  readonly buffers: SpareBuffers;
}

/**
 * Unpacks frames from a stream of bytes, each of which is read to where it stays: reading it in the pieces in which
 * it arrives takes twice the processor time. A frame is good until the next one is asked for.
 */
export async function* readFrames(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  { turn, buffers }: ReadFramesOptions,
): AsyncGenerator<Frame, void, undefined> {
  const reader = source.getReader({ mode: "byob" });
  try {
    for (;;) {
      const prefix = await readExactly(reader, new Uint8Array(PREFIX_BYTES));
      if (prefix === null) return;
      const size = sizeOf(prefix) - PREFIX_BYTES;
      const rest = await readExactly(reader, new Uint8Array(buffers.take(size), 0, size));
      if (rest === null) return;
      await turn();
      yield frameOf(prefix, rest);
      buffers.give(rest.buffer);
    }
  } finally {
    await reader.cancel();
  }
}

/** Fills a buffer, and returns it as it is then, or `null` if nothing more comes. */
async function readExactly(
  reader: ReadableStreamBYOBReader,
  into: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const { value, done } = await reader.read(into, { min: into.byteLength });
  return done || value === undefined ? null : value;
}

function sizeOf(buffer: Uint8Array): number {
  if (buffer.byteLength < PREFIX_BYTES) return PREFIX_BYTES;
  const view = new DataView(buffer.buffer, buffer.byteOffset);
  return PREFIX_BYTES + view.getUint32(0, true) + view.getUint32(4, true);
}

function frameOf(prefix: Uint8Array, rest: Uint8Array<ArrayBuffer>): Frame {
  const headBytes = new DataView(prefix.buffer, prefix.byteOffset).getUint32(0, true);
  const head: unknown = JSON.parse(new TextDecoder().decode(rest.subarray(0, headBytes)));
  return { head, bytes: rest.subarray(headBytes) };
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
