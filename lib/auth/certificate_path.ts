/**
 * From a certificate up to a CA that is trusted, through those of intermediate CAs that its holder
 * has sent along (RFC 5280 §6.1).
 *
 * The TLS stack builds such a path too, when a session begins. It does not look at the key usage and
 * knows no deny list, nor does it look again on a resumed session or later; name constraints, which
 * do not change, it has looked at by then.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { type DenyList, isDenied } from "./deny_list.ts";
import { x509 } from "./x509.ts";

/** What certificates are measured by. */
export interface Trust {
  /** CAs; one below another may be trusted without that. */
  readonly trustedCas: readonly X509Certificate[];
  /** For all but the trusted CAs themselves, which one takes out of the file. */
  readonly denyList: DenyList;
}

/** What {@linkcode findPath} has found. */
export type Path =
  /** The last moment at which it holds, in milliseconds since the Unix epoch. */
  | { readonly kind: "trusted"; readonly notAfter: number }
  | {
    readonly kind: "untrusted";
    readonly reason: "unknown_ca" | "denied";
    /** What is wrong with the CA that got the furthest; `""` if there is none. */
    readonly why: string;
  };

type Dead = Extract<Path, { kind: "untrusted" }>;

/** Beyond these, what a client sends is not looked at: real chains have one or two. */
export const MAX_SENT_CERTIFICATES = 7;

const NO_ISSUER: Dead = { kind: "untrusted", reason: "unknown_ca", why: "" };

/**
 * Finds a path from a certificate to a trusted CA.
 *
 * @param sent certificates that came with it, DER, in any order and of any kind
 * @param time when all of it must be valid, in milliseconds since the Unix epoch
 */
export function findPath(
  leaf: X509Certificate,
  sent: readonly Uint8Array[],
  { trustedCas, denyList }: Trust,
  time: number,
): Path {
  const anchors = trustedCas.map(authorityOf);
  // Most clients send none, or have no need of them.
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
    // Many send the one that is trusted, too.
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
    return untrusted("unknown_ca", "intermediate", ca, "does not come from one that is trusted");
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

/** A certificate that may be a CA's. */
interface Authority {
  readonly certificate: X509Certificate;
  /** How many others may stand between it and a certificate that is no CA's. */
  readonly pathLength: number;
  /** May it sign certificates? */
  readonly signs: boolean;
  /** May the certificates below it be clients'? */
  readonly forClients: boolean;
  /** By the name of itself: a CA that has got another key. It counts for no path length. */
  readonly isSelfIssued: boolean;
}

/** Why it may not issue a certificate with so many intermediate CAs below it; `null`: it may. */
function fault(ca: Authority, below: number, time: number): string | null {
  const { certificate, pathLength, signs, forClients } = ca;
  if (!signs) return "may not sign certificates (no CA, or no key usage keyCertSign)";
  if (below > pathLength) return `may have ${pathLength} intermediate CAs below it only`;
  if (!forClients) return "is not for client authentication (no EKU clientAuth)";
  const { validFromDate: from, validToDate: to } = certificate;
  if (isWithinDates(certificate, time)) return null;
  return `is valid from ${from.toISOString()} to ${to.toISOString()} only`;
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

/** By name and signature. `checkIssued()` of Deno refuses a CA that has no subject key identifier. */
function hasSigned(ca: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.issuer === ca.subject && certificate.verify(ca.publicKey);
  } catch {
    // Thrown where key and signature are of different kinds.
    return false;
  }
}

function isWithinDates(certificate: X509Certificate, time: number): boolean {
  return certificate.validFromDate.getTime() <= time && time <= endOf(certificate);
}

function endOf(certificate: X509Certificate): number {
  return certificate.validToDate.getTime();
}
