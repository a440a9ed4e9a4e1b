/**
 * The certificates of a fleet: with one a hub or a host connects to NATS, with the other it signs what it sends.
 *
 * Both name their holder in a URI, in which the members of a fleet differ from the clients of our own API: a CA
 * signs for all of them, so its signature alone says nothing of what somebody is. The two URIs differ as well, so
 * that neither certificate does for the other. None of them gives a role on our own API.
 *
 * @module
 */

import { type KeyObject, X509Certificate } from "node:crypto";
import { findPath, type Trust } from "./certificate_path.ts";
import { isDenied } from "./deny_list.ts";
import { type CertifiedKey, issueCertificate } from "./issue_certificate.ts";
import { PURPOSES } from "./purposes.ts";
import { x509 } from "./x509.ts";

/** A hub or a host, by its name in a fleet. */
export interface FleetMember {
  readonly fleet: string;
  readonly kind: "hub" | "host";
  readonly name: string;
}

/** What {@linkcode issueFleetCredentials} makes. */
export interface FleetCredentials {
  /** For the connection to NATS. */
  readonly tls: CertifiedKey;
  /** For signing. */
  readonly sign: CertifiedKey;
}

/** What {@linkcode issueFleetCredentials} must know. */
export interface FleetCredentialsRequest {
  readonly issuer: CertifiedKey;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Names are parts of URIs, of subjects of NATS and of paths. */
export const FLEET_NAME = /^[a-z0-9-]{1,32}$/;
export const MEMBER_NAME = /^[a-z0-9-]{1,63}$/;

/** Makes both certificates of a member, each with a key of its own. */
export async function issueFleetCredentials(
  member: FleetMember,
  request: FleetCredentialsRequest,
): Promise<FleetCredentials> {
  checkMember(member);
  const subject = [["CN", member.name]] as const;
  return {
    tls: await issueCertificate({
      ...request,
      subject,
      usages: ["clientAuth"],
      uris: [busUserOf(member)],
    }),
    sign: await issueCertificate({
      ...request,
      subject,
      keyType: "Ed25519",
      usages: ["documentSigning"],
      uris: [markerOf(member)],
    }),
  };
}

/** The name of the user of NATS that its `verify_and_map` finds in the certificate of a member. */
export function busUserOf({ fleet, kind, name }: FleetMember): string {
  return `urn:job-worker:${fleet}:bus:${kind}:${name}`;
}

/** What a certificate for signing is recognised by. */
function markerOf({ fleet, kind, name }: FleetMember): string {
  return `urn:job-worker:${fleet}:${kind}:${name}`;
}

const MARKER = /^urn:job-worker:([a-z0-9-]{1,32}):(hub|host):([a-z0-9-]{1,63})$/;

function checkMember({ fleet, name }: FleetMember): void {
  if (FLEET_NAME.test(fleet) && MEMBER_NAME.test(name)) return;
  throw new TypeError(`Cannot make certificates for "${name}" of the fleet "${fleet}"`);
}

/** The pair of keys to which calls of a host are sealed: X25519 (RFC 7748). */
export interface SealKeys {
  /** PKCS #8, as PEM. */
  readonly privateKey: string;
  /** Its 32 bytes, as base64. */
  readonly publicKey: string;
}

export async function makeSealKeys(): Promise<SealKeys> {
  const keys = await crypto.subtle.generateKey("X25519", true, ["deriveBits"]) as CryptoKeyPair;
  const privateKey = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const publicKey = await crypto.subtle.exportKey("raw", keys.publicKey);
  return {
    privateKey: `${x509.PemConverter.encode(privateKey, x509.PemConverter.PrivateKeyTag)}\n`,
    publicKey: new Uint8Array(publicKey).toBase64(),
  };
}

/** Somebody whose certificate for signing was verified. */
export interface Signer {
  readonly member: FleetMember;
  /** SHA-256 of the certificate, in lower-case hex. */
  readonly fingerprint: string;
  /** In lower-case hex. */
  readonly serialNumber: string;
  /** Ed25519. */
  readonly publicKey: KeyObject;
  /** Until when its certificate is valid, in milliseconds since the Unix epoch. */
  readonly notAfter: number;
}

/** The result of {@linkcode verifySigner}. */
export type SignerVerdict =
  | { readonly kind: "accepted"; readonly signer: Signer }
  | {
    readonly kind: "refused";
    /** What is wrong with the certificate, to follow its name: `"has expired"`. */
    readonly why: string;
    /** The fingerprint of the refused certificate, in lower-case hex; `""` if it cannot be read. */
    readonly fingerprint: string;
  };

/**
 * Verifies a certificate for signing: a trusted CA has signed it, both are within their dates, it is not on the deny
 * list, is for nothing but signing, and names exactly one member of a fleet.
 *
 * @param der the certificate
 * @param time when it must be valid, in milliseconds since the Unix epoch
 */
export function verifySigner(der: Uint8Array, trust: Trust, time: number): SignerVerdict {
  let fingerprint = "";
  const leaf = parseSigner(der);
  if (leaf === null) return refused("cannot be read");
  const { certificate, member, isForSigning } = leaf;
  fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  const serialNumber = certificate.serialNumber.toLowerCase();

  if (certificate.ca) return refused("is that of a CA");
  const path = findPath(certificate, [], trust, time);
  if (path.kind === "untrusted") {
    return refused(`is not signed by a CA that is trusted here${path.why && `: ${path.why}`}`);
  }
  if (time < certificate.validFromDate.getTime()) return refused("is not valid yet");
  const notAfter = certificate.validToDate.getTime();
  if (time > notAfter) return refused("has expired");
  if (isDenied(trust.denyList, serialNumber, fingerprint)) return refused("is on the deny list");
  if (!isForSigning) return refused("is not one for signing calls");
  if (member === null) return refused("does not name one hub or host of a fleet");
  const { publicKey } = certificate;
  return { kind: "accepted", signer: { member, fingerprint, serialNumber, publicKey, notAfter } };

  function refused(why: string): SignerVerdict {
    return { kind: "refused", why, fingerprint };
  }
}

interface SignerCertificate {
  readonly certificate: X509Certificate;
  /** `null` unless it names exactly one. */
  readonly member: FleetMember | null;
  /** Whether it is for signing and nothing else, by its purpose and its key. */
  readonly isForSigning: boolean;
}

function parseSigner(der: Uint8Array): SignerCertificate | null {
  try {
    const certificate = new X509Certificate(der);
    const parsed = new x509.X509Certificate(Uint8Array.from(der));
    const purposes = parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String);
    const names = parsed.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
    const [name, ...others] = names;
    return {
      certificate,
      member: name?.type === "url" && others.length === 0 ? memberOf(name.value) : null,
      isForSigning: purposes?.length === 1 && purposes[0] === PURPOSES.documentSigning &&
        certificate.publicKey.asymmetricKeyType === "ed25519",
    };
  } catch {
    return null;
  }
}

function memberOf(uri: string): FleetMember | null {
  const [, fleet, kind, name] = MARKER.exec(uri) ?? [];
  if (fleet === undefined || name === undefined) return null;
  return { fleet, kind: kind === "hub" ? "hub" : "host", name };
}
