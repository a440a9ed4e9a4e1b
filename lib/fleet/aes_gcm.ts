/**
 * AES-256-GCM (NIST SP 800-38D) for texts of all sizes.
 *
 * Small ones are worked on in place, by `node:crypto`: to hand one to another thread, as Web Crypto does, costs two to
 * three times as much. Large ones are handed over. What comes of both is the same.
 *
 * @module
 */

import { createCipheriv, createDecipheriv } from "node:crypto";
import { concat } from "../net/frames.ts";

/** The length of a key, in bytes. */
export const AES_KEY_BYTES = 32;

/** The length of an initialization vector, in bytes. */
export const IV_BYTES = 12;

/** What authenticates a text stands behind it. */
const TAG_BYTES = 16;

/** Up to this size a text costs less in place. */
const SMALL_BYTES = 4 * 1024;

const CIPHER = "aes-256-gcm";
const CIPHER_OPTIONS = { authTagLength: TAG_BYTES };

type Bytes = Uint8Array<ArrayBuffer>;

/** What a text is encrypted with, and decrypted again. */
export interface AesGcm {
  readonly key: Bytes;
  /** Another one for each text, if the key is not. */
  readonly iv: Bytes;
  /** Is not encrypted, but without it nothing is decrypted. */
  readonly context: string;
}

/** @returns the encrypted text, and the tag behind it */
export async function encrypt(text: Bytes, { key, iv, context }: AesGcm): Promise<Bytes> {
  const additionalData = new TextEncoder().encode(context);
  if (text.byteLength > SMALL_BYTES) {
    const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
    const algorithm = { name: "AES-GCM", iv, additionalData };
    return new Uint8Array(await crypto.subtle.encrypt(algorithm, imported, text));
  }
  const cipher = createCipheriv(CIPHER, key, iv, CIPHER_OPTIONS);
  cipher.setAAD(additionalData);
  return concat([cipher.update(text), cipher.final(), cipher.getAuthTag()].map(plain));
}

/** @returns `null` if it was encrypted with anything else, or was changed since */
export async function decrypt(
  encrypted: Bytes,
  { key, iv, context }: AesGcm,
): Promise<Bytes | null> {
  const size = encrypted.byteLength - TAG_BYTES;
  if (size < 0) return null;
  const additionalData = new TextEncoder().encode(context);
  try {
    if (size > SMALL_BYTES) {
      const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
      const algorithm = { name: "AES-GCM", iv, additionalData };
      return new Uint8Array(await crypto.subtle.decrypt(algorithm, imported, encrypted));
    }
    const decipher = createDecipheriv(CIPHER, key, iv, CIPHER_OPTIONS);
    decipher.setAAD(additionalData);
    decipher.setAuthTag(encrypted.subarray(size));
    const text = decipher.update(encrypted.subarray(0, size));
    // Until this has not thrown, the text may be anything.
    decipher.final();
    return plain(text);
  } catch {
    return null;
  }
}

/** The bytes of a buffer, which may be a part of a larger one. */
function plain({ buffer, byteOffset, byteLength }: Uint8Array): Bytes {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
