/**
 * How a call and its answer look on the bus: a text that everybody can read, the signature of whoever sends it, and
 * bytes that only the other side can open. The signature is for both, and the bytes open with that text only.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { decodeFrame, encodeFrame } from "../net/frames.ts";
import * as z from "../text/zod.ts";

/** The most bytes of a message: NATS is configured to carry 8 MiB, its own header included. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024 - 4096;

/** What stands before the sealed bytes, of which nothing is looked at if it is longer. */
const MAX_HEAD_BYTES = 8 * 1024;

/** The lengths with which a frame begins. */
const PREFIX_BYTES = 8;

/** A message that has come, or is about to go. */
export interface SealedMessage {
  /** JSON. */
  readonly text: string;
  readonly signature: Uint8Array<ArrayBuffer>;
  /** The signer's, DER in base64; `""` if the other side knows it. */
  readonly certificate: string;
  readonly sealed: Uint8Array<ArrayBuffer>;
}

const headSchema = z.object({
  text: z.string().max(4096),
  signature: z.base64().max(128),
  certificate: z.literal("").or(z.base64().max(4096)),
});

export function encodeMessage(
  { text, signature, certificate, sealed }: SealedMessage,
): Uint8Array<ArrayBuffer> {
  return encodeFrame({ text, signature: signature.toBase64(), certificate }, [sealed]);
}

/** @returns `null` if it is none, or too large */
export function readMessage(bytes: Uint8Array<ArrayBuffer>): SealedMessage | null {
  if (headLength(bytes) === null || bytes.byteLength > MAX_MESSAGE_BYTES) return null;
  try {
    const { head, bytes: sealed } = decodeFrame(bytes);
    const { text, signature, certificate } = headSchema.parse(head);
    return { text, signature: Uint8Array.fromBase64(signature), certificate, sealed };
  } catch {
    return null;
  }
}

/** The SHA-256 of all but the sealed bytes of a message, for which the signature stands; in hex. */
export function headDigest(bytes: Uint8Array<ArrayBuffer>): string {
  const head = bytes.subarray(0, PREFIX_BYTES + (headLength(bytes) ?? 0));
  return createHash("sha256").update(head).digest("hex");
}

function headLength(bytes: Uint8Array<ArrayBuffer>): number | null {
  if (bytes.byteLength < PREFIX_BYTES) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return length > MAX_HEAD_BYTES ? null : length;
}
