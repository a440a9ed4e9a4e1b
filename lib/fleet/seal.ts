/**
 * Seals a call so that only its host can open it, and the answer so that only the caller can: X25519 with a key made
 * for this call (RFC 7748), HKDF-SHA256 (RFC 5869), AES-256-GCM.
 *
 * Keys are made and found in place, by `node:crypto`: handing such small work to another thread, as Web Crypto does,
 * costs three times as much. Sealing may be much work, and is handed over.
 *
 * @module
 */

import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { Buffer } from "node:buffer";
import { concat } from "../net/frames.ts";

/** The keys of one call. */
export interface Exchange {
  readonly requestKey: CryptoKey;
  readonly replyKey: CryptoKey;
}

/** The keys of a call that is about to be made. */
export interface Offer extends Exchange {
  /** From this the host finds the same keys: 32 bytes. */
  readonly ephemeral: Uint8Array<ArrayBuffer>;
}

/** The keys of a host to which calls are sealed. */
export interface SealKeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** How many bytes a public key has. */
export const SEAL_KEY_BYTES = 32;

/** RFC 8410 §4: what stands before the 32 bytes. */
const SPKI_PREFIX = Uint8Array.fromHex("302a300506032b656e032100");

const AES_KEY_BYTES = 32;
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
export async function offerExchange(host: Uint8Array<ArrayBuffer>): Promise<Offer> {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const ephemeral = bytesOf(publicKey);
  return { ephemeral, ...await deriveKeys(privateKey, host, [ephemeral, host]) };
}

/**
 * Finds the keys of a call that has come.
 *
 * @throws if the other side's key leads to none
 */
export async function acceptExchange(
  { privateKey, publicKey }: SealKeyPair,
  ephemeral: Uint8Array<ArrayBuffer>,
): Promise<Exchange> {
  return await deriveKeys(privateKey, ephemeral, [ephemeral, publicKey]);
}

/** @param context is not sealed, but what was sealed opens with the same one only */
export async function seal(
  key: CryptoKey,
  text: Uint8Array<ArrayBuffer>,
  context: string,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.encrypt(algorithmOf(context), key, text));
}

/** @returns `null` if it was sealed with another key or context, or was changed since */
export async function unseal(
  key: CryptoKey,
  sealed: Uint8Array<ArrayBuffer>,
  context: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithmOf(context), key, sealed));
  } catch {
    return null;
  }
}

function algorithmOf(context: string): AesGcmParams {
  return { name: "AES-GCM", iv: IV, additionalData: new TextEncoder().encode(context) };
}

/** @param publicKeys both, so that the keys are bound to this call and this host */
async function deriveKeys(
  privateKey: KeyObject,
  other: Uint8Array<ArrayBuffer>,
  publicKeys: readonly Uint8Array<ArrayBuffer>[],
): Promise<Exchange> {
  const publicKey = createPublicKey({
    key: Buffer.from(concat([SPKI_PREFIX, other])),
    format: "der",
    type: "spki",
  });
  const secret = diffieHellman({ privateKey, publicKey });
  const bits = hkdfSync("sha256", secret, concat(publicKeys), INFO, 2 * AES_KEY_BYTES);
  const keyOf = (bytes: ArrayBuffer) =>
    crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  return {
    requestKey: await keyOf(bits.slice(0, AES_KEY_BYTES)),
    replyKey: await keyOf(bits.slice(AES_KEY_BYTES)),
  };
}

function bytesOf(publicKey: KeyObject): Uint8Array<ArrayBuffer> {
  const spki = publicKey.export({ format: "der", type: "spki" });
  return Uint8Array.from(spki.subarray(-SEAL_KEY_BYTES));
}
