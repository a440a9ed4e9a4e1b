/**
 * Seals a call so that only its host can open it, and the answer so that only the caller can: X25519 with a key made
 * for this call (RFC 7748), HKDF-SHA256 (RFC 5869), AES-256-GCM.
 *
 * Keys are made and found in place, by `node:crypto`: handing such small work to another thread, as Web Crypto does,
 * costs three times as much.
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
import { AES_KEY_BYTES, decrypt, encrypt, IV_BYTES } from "./aes_gcm.ts";

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

const INFO = "job-worker fleet 1";

/** Each key seals one text, and then never another. */
const IV = new Uint8Array(IV_BYTES);

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
  return await encrypt(text, { key, iv: IV, context });
}

/** @returns `null` if it was sealed with another key or context, or was changed since */
export async function unseal(key: Bytes, sealed: Bytes, context: string): Promise<Bytes | null> {
  return await decrypt(sealed, { key, iv: IV, context });
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

function bytesOf(publicKey: KeyObject): Bytes {
  const spki = publicKey.export({ format: "der", type: "spki" });
  return new Uint8Array(spki.subarray(-SEAL_KEY_BYTES));
}
