/**
 * The path from a certificate up to a trusted CA, through the certificates of intermediate CAs that its
 * holder has sent along (RFC 5280 §6.1).
 *
 * The TLS stack builds such a path too when a session begins. But it ignores the key usage, knows no
 * deny list, and does not check again later or when a session is resumed. We do not check name
 * constraints: the TLS stack has done that, and they do not change.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { type DenyList, isDenied } from "./deny_list.ts";
import { x509 } from "./x509.ts";

/** What certificates are checked against. */
export interface Trust {
  /** The trusted CAs; an intermediate CA may be trusted without the CA above it. */
  readonly trustedCas: readonly X509Certificate[];
  /** Applies to all but the trusted CAs: to distrust one of those, remove it from the file. */
  readonly denyList: DenyList;
}

/** The result of {@linkcode findPath}. */
export type Path =
  /** Until when it is valid, in milliseconds since the Unix epoch. */
  | { readonly kind: "trusted"; readonly notAfter: number }
  | {
    readonly kind: "untrusted";
    readonly reason: "unknown_ca" | "denied";
    /** What is wrong with the CA at which the best path ended; `""` if there is none. */
    readonly why: string;
  };

type Dead = Extract<Path, { kind: "untrusted" }>;

/** How many certificates of a client to look at; real chains have one or two. */
export const MAX_SENT_CERTIFICATES = 7;

const NO_ISSUER: Dead = { kind: "untrusted", reason: "unknown_ca", why: "" };

/**
 * Finds a path from a certificate to a trusted CA.
 *
 * @param sent the certificates that came with it, DER, in any order and of any kind
 * @param time when all of them must be valid, in milliseconds since the Unix epoch
 */
export function findPath(
  leaf: X509Certificate,
  sent: readonly Uint8Array[],
  { trustedCas, denyList }: Trust,
  time: number,
): Path {
  const anchors = trustedCas.map(authorityOf);
  // Most clients send none, or do not need them.
  let intermediates: readonly Authority[] | undefined;
  return climb(leaf, 0, []);

  function climb(subject: X509Certificate, below: number, path: readonly Authority[]): Path {
    const signers = anchors.filter(({ certificate }) => hasSigned(certificate, subject));
    const good = signers.filter((ca) => fault(ca, below, time) === null);
    if (good.length > 0) {
      const end = Math.max(...good.map(({ certificate }) => endOf(certificate)));
      return { kind: "trusted", notAfter: Math.min(endOf(subject), end) };
    }
    let dead = NO_ISSUER;
    for (const ca of signers.slice(0, 1)) {
      dead = untrusted("unknown_ca", "trusted", ca, fault(ca, below, time) ?? "");
    }
    // Many clients also send the trusted one.
    intermediates ??= sent.slice(0, MAX_SENT_CERTIFICATES).flatMap(readAuthority)
      .filter(({ certificate: { fingerprint256 } }) =>
        !trustedCas.some((ca) => ca.fingerprint256 === fingerprint256)
      );
    for (const ca of intermediates) {
      if (path.includes(ca) || !hasSigned(ca.certificate, subject)) continue;
      const above = through(ca, below, path);
      if (above.kind === "trusted") {
        return { ...above, notAfter: Math.min(endOf(subject), above.notAfter) };
      }
      if (dead.why === "") dead = above;
    }
    return dead;
  }

  function through(ca: Authority, below: number, path: readonly Authority[]): Path {
    const { certificate } = ca;
    const fingerprint = certificate.fingerprint256.replaceAll(":", "");
    if (isDenied(denyList, certificate.serialNumber.toLowerCase(), fingerprint)) {
      return untrusted("denied", "intermediate", ca, "is on the deny list");
    }
    const flaw = fault(ca, below, time);
    if (flaw !== null) return untrusted("unknown_ca", "intermediate", ca, flaw);
    const above = climb(certificate, below + (ca.isSelfIssued ? 0 : 1), [...path, ca]);
    if (above.kind === "trusted" || above.why !== "") return above;
    return untrusted("unknown_ca", "intermediate", ca, "is not signed by a trusted CA");
  }
}

function untrusted(
  reason: Dead["reason"],
  kind: "trusted" | "intermediate",
  { certificate }: Authority,
  what: string,
): Dead {
  const serialNumber = certificate.serialNumber.toLowerCase();
  const why = `the ${kind} CA with serial number ${serialNumber} ${what}`;
  return { kind: "untrusted", reason, why };
}

/** A certificate that may be that of a CA. */
interface Authority {
  readonly certificate: X509Certificate;
  /** How many other CAs may stand between it and the certificate at the end. */
  readonly pathLength: number;
  /** Whether it may sign certificates. */
  readonly signs: boolean;
  /** Whether the certificates below it may be for clients. */
  readonly forClients: boolean;
  /**
   * Whether it has issued this itself, with another key. Such a CA does not count for path lengths.
   */
  readonly isSelfIssued: boolean;
}

/** Why a CA may not have this many intermediate CAs below it; `null` if it may. */
function fault(ca: Authority, below: number, time: number): string | null {
  const { certificate, pathLength, signs, forClients } = ca;
  if (!signs) {
    return "may not sign certificates (it is not a CA, or lacks the key usage keyCertSign)";
  }
  if (below > pathLength) return `may have at most ${pathLength} intermediate CAs below it`;
  if (!forClients) return "is not for client authentication (no EKU clientAuth)";
  const { validFromDate: from, validToDate: to } = certificate;
  if (isWithinDates(certificate, time)) return null;
  return `is only valid from ${from.toISOString()} to ${to.toISOString()}`;
}

const known = new WeakMap<X509Certificate, Authority>();

function authorityOf(certificate: X509Certificate): Authority {
  const cached = known.get(certificate);
  if (cached !== undefined) return cached;
  const parsed = new x509.X509Certificate(Uint8Array.from(certificate.raw));
  const usage = parsed.getExtension(x509.KeyUsagesExtension)?.usages;
  const purposes = parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String);
  const authority = {
    certificate,
    pathLength: parsed.getExtension(x509.BasicConstraintsExtension)?.pathLength ?? Infinity,
    signs: certificate.ca &&
      (usage === undefined || (usage & x509.KeyUsageFlags.keyCertSign) !== 0),
    forClients: purposes === undefined ||
      [x509.ExtendedKeyUsage.clientAuth, ANY_EXTENDED_KEY_USAGE].some((id) =>
        purposes.includes(id)
      ),
    isSelfIssued: certificate.subject === certificate.issuer,
  };
  known.set(certificate, authority);
  return authority;
}

/** RFC 5280 §4.2.1.12. */
const ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";

function readAuthority(der: Uint8Array): Authority[] {
  try {
    return [authorityOf(new X509Certificate(der))];
  } catch {
    return [];
  }
}

/**
 * Checks name and signature. Deno's `checkIssued()` refuses a CA without a subject key identifier.
 */
function hasSigned(ca: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.issuer === ca.subject && certificate.verify(ca.publicKey);
  } catch {
    // Thrown if the key and the signature are of different kinds.
    return false;
  }
}

function isWithinDates(certificate: X509Certificate, time: number): boolean {
  return certificate.validFromDate.getTime() <= time && time <= endOf(certificate);
}

function endOf(certificate: X509Certificate): number {
  return certificate.validToDate.getTime();
}
