import { concat, framePieces } from "../../lib/net/frames.ts";

/** A frame as it arrives at the other side. */
export function encodeFrame(...frame: Parameters<typeof framePieces>): Uint8Array<ArrayBuffer> {
  return concat(framePieces(...frame));
}
