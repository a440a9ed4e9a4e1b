/**
 * Seals a call so that only its host can open it, and the answer so that only the caller can: X25519 with a key made
 * for this call (RFC 7748), HKDF-SHA256 (RFC 5869), AES-256-GCM.
 *
 * @module
 */

import { createPrivateKey, createPublicKey } from "node:crypto";
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
  readonly privateKey: CryptoKey;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** How many bytes a public key has. */
export const SEAL_KEY_BYTES = 32;

const X25519 = "X25519";
const AES_KEY_BYTES = 32;
const INFO = new TextEncoder().encode("job-worker fleet 1");

/** Each key seals one text, and then never another. */
const IV = new Uint8Array(12);

/** Loads the private key that `makeSealKeys()` has made. */
export async function loadSealKeys(pem: string): Promise<SealKeyPair> {
  const pkcs8 = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  const spki = createPublicKey(pem).export({ type: "spki", format: "der" });
  const { subtle } = crypto;
  return {
    privateKey: await subtle.importKey("pkcs8", Uint8Array.from(pkcs8), X25519, false, [
      "deriveBits",
    ]),
    publicKey: Uint8Array.from(spki.subarray(-SEAL_KEY_BYTES)),
  };
}

/**
 * Makes the keys of a call.
 *
 * @param host the public key of the host
 */
export async function offerExchange(host: Uint8Array<ArrayBuffer>): Promise<Offer> {
  const own = await crypto.subtle.generateKey(X25519, false, ["deriveBits"]) as CryptoKeyPair;
  const ephemeral = new Uint8Array(await crypto.subtle.exportKey("raw", own.publicKey));
  const keys = await deriveKeys(own.privateKey, host, [ephemeral, host]);
  return { ephemeral, ...keys };
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
  own: CryptoKey,
  other: Uint8Array<ArrayBuffer>,
  publicKeys: readonly Uint8Array<ArrayBuffer>[],
): Promise<Exchange> {
  const { subtle } = crypto;
  const publicKey = await subtle.importKey("raw", other, X25519, false, []);
  const shared = await subtle.deriveBits({ name: X25519, public: publicKey }, own, 256);
  const secret = await subtle.importKey("raw", shared, "HKDF", false, ["deriveBits"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: concat(publicKeys), info: INFO };
  const bits = new Uint8Array(await subtle.deriveBits(hkdf, secret, 2 * AES_KEY_BYTES * 8));
  const keyOf = (bytes: Uint8Array<ArrayBuffer>) =>
    subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  return {
    requestKey: await keyOf(bits.subarray(0, AES_KEY_BYTES)),
    replyKey: await keyOf(bits.subarray(AES_KEY_BYTES)),
  };
}
