/**
 * Seals a call so that only its host can open it, and the answer so that only the caller can: X25519 with a key made
 * for this call (RFC 7748), HKDF-SHA256 (RFC 5869), AES-256-GCM.
 *
 * Small work is done in place, by `node:crypto`: to hand it to another thread, as Web Crypto does, costs two to three
 * times as much. Large texts are handed over.
 *
 * @module
 */

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { Buffer } from "node:buffer";
import { concat } from "../net/frames.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The keys of one call, each of 32 bytes. */
export interface Exchange {
  readonly requestKey: Bytes;
  readonly replyKey: Bytes;
}

/** The keys of a call that is about to be made. */
export interface Offer extends Exchange {
  /** From this the host finds the same keys: 32 bytes. */
  readonly ephemeral: Bytes;
}

/** The keys of a host to which calls are sealed. */
export interface SealKeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: Bytes;
}

/** How many bytes a public key has. */
export const SEAL_KEY_BYTES = 32;

/** RFC 8410 §4: what stands before the 32 bytes. */
const SPKI_PREFIX = Uint8Array.fromHex("302a300506032b656e032100");

const AES_KEY_BYTES = 32;
const CIPHER = "aes-256-gcm";
/** What authenticates a sealed text stands behind it. */
const TAG_BYTES = 16;
const GCM = { authTagLength: TAG_BYTES };

/** Up to this size a text costs less in place. */
const SMALL_BYTES = 4 * 1024;

const INFO = "job-worker fleet 1";

/** Each key seals one text, and then never another. */
const IV = new Uint8Array(12);

/** Loads the private key that `makeSealKeys()` has made. */
export function loadSealKeys(pem: string): SealKeyPair {
  const privateKey = createPrivateKey(pem);
  return { privateKey, publicKey: bytesOf(createPublicKey(pem)) };
}

/**
 * Makes the keys of a call.
 *
 * @param host the public key of the host
 * @throws if it leads to no keys
 */
export function offerExchange(host: Bytes): Offer {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const ephemeral = bytesOf(publicKey);
  return { ephemeral, ...deriveKeys(privateKey, host, [ephemeral, host]) };
}

/**
 * Finds the keys of a call that has come.
 *
 * @throws if the other side's key leads to none
 */
export function acceptExchange({ privateKey, publicKey }: SealKeyPair, ephemeral: Bytes): Exchange {
  return deriveKeys(privateKey, ephemeral, [ephemeral, publicKey]);
}

/** @param context is not sealed, but what was sealed opens with the same one only */
export async function seal(key: Bytes, text: Bytes, context: string): Promise<Bytes> {
  if (text.byteLength > SMALL_BYTES) {
    const imported = await importKey(key, "encrypt");
    return new Uint8Array(await crypto.subtle.encrypt(algorithmOf(context), imported, text));
  }
  const cipher = createCipheriv(CIPHER, key, IV, GCM);
  cipher.setAAD(encoded(context));
  return concat([cipher.update(text), cipher.final(), cipher.getAuthTag()].map(plain));
}

/** @returns `null` if it was sealed with another key or context, or was changed since */
export async function unseal(key: Bytes, sealed: Bytes, context: string): Promise<Bytes | null> {
  const size = sealed.byteLength - TAG_BYTES;
  if (size < 0) return null;
  try {
    if (size > SMALL_BYTES) {
      const imported = await importKey(key, "decrypt");
      return new Uint8Array(await crypto.subtle.decrypt(algorithmOf(context), imported, sealed));
    }
    const decipher = createDecipheriv(CIPHER, key, IV, GCM);
    decipher.setAAD(encoded(context));
    decipher.setAuthTag(sealed.subarray(size));
    const text = decipher.update(sealed.subarray(0, size));
    // Until this has not thrown, nothing is sure.
    decipher.final();
    return plain(text);
  } catch {
    return null;
  }
}

function algorithmOf(context: string): AesGcmParams {
  return { name: "AES-GCM", iv: IV, additionalData: encoded(context) };
}

function importKey(key: Bytes, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, [usage]);
}

function encoded(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** @param publicKeys both, so that the keys are bound to this call and this host */
function deriveKeys(privateKey: KeyObject, other: Bytes, publicKeys: readonly Bytes[]): Exchange {
  const publicKey = createPublicKey({
    key: Buffer.from(concat([SPKI_PREFIX, other])),
    format: "der",
    type: "spki",
  });
  const secret = diffieHellman({ privateKey, publicKey });
  const bits = hkdfSync("sha256", secret, concat(publicKeys), INFO, 2 * AES_KEY_BYTES);
  return {
    requestKey: new Uint8Array(bits, 0, AES_KEY_BYTES),
    replyKey: new Uint8Array(bits, AES_KEY_BYTES),
  };
}

/** The bytes of a buffer, which may be a part of a larger one. */
function plain(buffer: Buffer): Bytes {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
}

function bytesOf(publicKey: KeyObject): Bytes {
  const spki = publicKey.export({ format: "der", type: "spki" });
  return Uint8Array.from(spki.subarray(-SEAL_KEY_BYTES));
}
