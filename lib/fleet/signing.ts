/**
 * Signatures of hubs and hosts (Ed25519, RFC 8032).
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { BoundedMap } from "../auth/bounded_map.ts";
import type { Trust } from "../auth/certificate_path.ts";
import { type SignerVerdict, verifySigner } from "../auth/fleet_certificates.ts";
import type { CertifiedKey } from "../auth/issue_certificate.ts";
import { concat } from "../net/frames.ts";

/** What somebody signs with. */
export interface SigningKey {
  /** Its certificate, DER in base64. */
  readonly certificate: string;
  readonly key: CryptoKey;
}

/** Which of the two kinds of text a signature is for: one never does for the other. */
export type SignedKind = "call" | "reply";

const ED25519 = "Ed25519";

export async function loadSigningKey({ cert, key }: CertifiedKey): Promise<SigningKey> {
  const pkcs8 = Uint8Array.from(createPrivateKey(key).export({ type: "pkcs8", format: "der" }));
  return {
    certificate: new Uint8Array(new X509Certificate(cert).raw).toBase64(),
    key: await crypto.subtle.importKey("pkcs8", pkcs8, ED25519, false, ["sign"]),
  };
}

/** @param attached bytes that belong to the text, of which the digest is signed */
export async function sign(
  key: CryptoKey,
  kind: SignedKind,
  text: string,
  attached: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const signed = await signedBytes(kind, text, attached);
  return new Uint8Array(await crypto.subtle.sign(ED25519, key, signed));
}

/** Whether this is what {@linkcode sign} made of the same, with the key that belongs to the public one. */
export async function isSigned(
  publicKey: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  kind: SignedKind,
  text: string,
  attached: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const key = await crypto.subtle.importKey("raw", publicKey, ED25519, false, ["verify"]);
  const signed = await signedBytes(kind, text, attached);
  return await crypto.subtle.verify(ED25519, key, signature, signed);
}

/** A digest has the same length always, so it is clear where the text ends. */
async function signedBytes(
  kind: SignedKind,
  text: string,
  attached: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", attached));
  return concat([new TextEncoder().encode(`job-worker ${kind} 1\n${text}\n`), digest]);
}

/** How many certificates are remembered, and for how long: dates are looked at again after that. */
const MAX_KNOWN = 64;
const KNOWN_MS = 10_000;

interface Known {
  readonly verdict: SignerVerdict;
  readonly trust: Trust;
  readonly at: number;
}

/** Verifies certificates for signing, and remembers those that were good: the same few come again and again. */
export class Signers {
  readonly #trust: () => Trust;
  readonly #known = new BoundedMap<string, Known>(MAX_KNOWN);

  /** @param trust what counts now: another object whenever something in it has changed */
  constructor(trust: () => Trust) {
    this.#trust = trust;
  }

  /**
   * @param certificate DER in base64
   * @param now the time of the clock, in milliseconds
   */
  verify(certificate: string, now: number): SignerVerdict {
    const trust = this.#trust();
    const known = this.#known.get(certificate);
    if (known?.trust === trust && Math.abs(now - known.at) < KNOWN_MS) return known.verdict;
    const verdict = verifySigner(Uint8Array.fromBase64(certificate), trust, now);
    if (verdict.kind === "accepted") this.#known.set(certificate, { verdict, trust, at: now });
    else this.#known.delete(certificate);
    return verdict;
  }
}
