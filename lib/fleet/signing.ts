/**
 * Signatures of hubs and hosts (Ed25519, RFC 8032).
 *
 * @module
 */

import { Buffer } from "node:buffer";
import {
  createHash,
  createPrivateKey,
  type KeyObject,
  sign as signBytes,
  verify,
  X509Certificate,
} from "node:crypto";
import { BoundedMap } from "../auth/bounded_map.ts";
import type { Trust } from "../auth/certificate_path.ts";
import { type SignerVerdict, verifySigner } from "../auth/fleet_certificates.ts";
import type { CertifiedKey } from "../auth/issue_certificate.ts";

/** What somebody signs with. */
export interface SigningKey {
  /** Its certificate, DER in base64. */
  readonly certificate: string;
  readonly key: KeyObject;
}

/** Which of the two kinds of text a signature is for: one never does for the other. */
export type SignedKind = "call" | "reply";

export function loadSigningKey({ cert, key }: CertifiedKey): SigningKey {
  return {
    certificate: new Uint8Array(new X509Certificate(cert).raw).toBase64(),
    key: createPrivateKey(key),
  };
}

/** @param attached bytes that belong to the text, of which the digest is signed */
export function sign(
  key: KeyObject,
  kind: SignedKind,
  text: string,
  attached: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(signBytes(null, signedBytes(kind, text, attached), key));
}

/** Whether this is what {@linkcode sign} made of the same, with the key that belongs to the public one. */
export function isSigned(
  publicKey: KeyObject,
  signature: Uint8Array<ArrayBuffer>,
  kind: SignedKind,
  text: string,
  attached: Uint8Array<ArrayBuffer>,
): boolean {
  return verify(null, signedBytes(kind, text, attached), publicKey, signature);
}

/** A digest has the same length always, so it is clear where the text ends. */
function signedBytes(kind: SignedKind, text: string, attached: Uint8Array<ArrayBuffer>): Buffer {
  const digest = createHash("sha256").update(attached).digest();
  return Buffer.concat([Buffer.from(`job-worker ${kind} 1\n${text}\n`), digest]);
}

/**
 * How many certificates are remembered, and for how long: the dates of the CA are looked at again after that. To
 * verify one takes milliseconds, which is more than all else that a hub does in ten seconds for a host at rest.
 */
const MAX_KNOWN = 64;
const KNOWN_MS = 10 * 60_000;

interface Known {
  readonly verdict: Extract<SignerVerdict, { kind: "accepted" }>;
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
    if (known?.trust === trust && isValid(known, now)) return known.verdict;
    const verdict = verifySigner(Uint8Array.fromBase64(certificate), trust, now);
    if (verdict.kind === "accepted") this.#known.set(certificate, { verdict, trust, at: now });
    else this.#known.delete(certificate);
    return verdict;
  }
}

function isValid({ verdict, at }: Known, now: number): boolean {
  return Math.abs(now - at) < KNOWN_MS && now <= verdict.signer.notAfter;
}
