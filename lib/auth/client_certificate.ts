/**
 * Finds out from a client's certificate who the client is.
 *
 * The TLS stack checks certificates too, but it checks less, and does not check at all when a session is
 * resumed, where there may even be no certificate. So every connection is checked here, whatever the
 * TLS stack has decided.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { findPath, type Trust } from "./certificate_path.ts";
import { isDenied } from "./deny_list.ts";
import { type Identity, isPlainName, ROLES } from "./identity.ts";
import { x509 } from "./x509.ts";

/** A client whose certificate was verified. */
export interface ClientCertificate {
  readonly identity: Identity;
  /** SHA-256 of the certificate, in lower-case hex. */
  readonly fingerprint: string;
  /** In lower-case hex. */
  readonly serialNumber: string;
  /** Until when it and its CAs are valid, in milliseconds since the Unix epoch. */
  readonly notAfter: number;
}

/** Why a certificate is refused: a word for programs, and a text for people. */
export const REFUSALS = {
  no_certificate: "No client certificate was given",
  malformed: "The client certificate cannot be read",
  is_ca: "The client certificate is a CA certificate",
  unknown_ca: "The client certificate is not signed by a CA that is currently trusted",
  not_yet_valid: "The client certificate is not valid yet",
  expired: "The client certificate has expired",
  no_client_auth: "The client certificate is not for client authentication (no EKU clientAuth)",
  denied: "The client certificate is on the deny list",
  bad_common_name: "The client certificate's CN is not a single plain name of 1 to 64 characters",
} as const;

/** A key of {@linkcode REFUSALS}. */
export type RefusalReason = keyof typeof REFUSALS;

/** The result of {@linkcode verifyClientCertificate}. */
export type Verdict =
  | { readonly kind: "accepted"; readonly client: ClientCertificate }
  | {
    readonly kind: "refused";
    readonly reason: RefusalReason;
    /** The reason in words, with what is wrong with an intermediate CA if that is the cause. */
    readonly message: string;
    /** The fingerprint of the refused certificate, in lower-case hex; `""` if there is none. */
    readonly fingerprint: string;
  };

/**
 * Verifies the certificate of a client: it exists, is not that of a CA, is signed by a trusted CA or by
 * an intermediate CA whose certificate was sent along, all of them are within their dates, and it has
 * the extended key usage clientAuth and is not on the deny list.
 * A certificate without any extended key usage is refused, although RFC 5280 §4.2.1.12 would allow it
 * for every use: only certificates that were made for clients are let in.
 *
 * The subject says who the client is, by Kubernetes' convention: the CN is the user, and each O is a
 * role in exactly our spelling, or is ignored.
 *
 * @param chain what the client sent, DER: its own certificate first, if any
 * @param time when the certificates must be valid, in milliseconds since the Unix epoch
 */
export function verifyClientCertificate(
  [der, ...sent]: readonly Uint8Array[],
  trust: Trust,
  time: number,
): Verdict {
  let fingerprint = "";
  if (der === undefined) return refused("no_certificate");
  const leaf = parseLeaf(der);
  if (leaf === null) return refused("malformed");

  const { certificate, commonNames, organizations, extendedKeyUsages } = leaf;
  fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  const serialNumber = certificate.serialNumber.toLowerCase();
  const [user] = commonNames;

  if (certificate.ca) return refused("is_ca");
  const path = findPath(certificate, sent, trust, time);
  if (path.kind === "untrusted") return refused(path.reason, path.why);
  if (time < certificate.validFromDate.getTime()) return refused("not_yet_valid");
  if (time > certificate.validToDate.getTime()) return refused("expired");
  if (!extendedKeyUsages.includes(x509.ExtendedKeyUsage.clientAuth)) {
    return refused("no_client_auth");
  }
  if (isDenied(trust.denyList, serialNumber, fingerprint)) return refused("denied");
  if (user === undefined || commonNames.length > 1 || !isPlainName(user)) {
    return refused("bad_common_name");
  }
  return {
    kind: "accepted",
    client: {
      identity: { user, roles: ROLES.filter((role) => organizations.includes(role)) },
      fingerprint,
      serialNumber,
      notAfter: path.notAfter,
    },
  };

  function refused(reason: RefusalReason, why = ""): Verdict {
    const message = why === "" ? REFUSALS[reason] : `${REFUSALS[reason]}: ${why}`;
    return { kind: "refused", reason, message, fingerprint };
  }
}

interface Leaf {
  readonly certificate: X509Certificate;
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  /** Object identifiers. */
  readonly extendedKeyUsages: readonly string[];
}

/**
 * Parses a certificate twice: `node:crypto` verifies signatures, but it shows the subject as lines, which
 * a line break in a CN can forge, and it does not show the extended key usage.
 */
function parseLeaf(der: Uint8Array): Leaf | null {
  try {
    const parsed = new x509.X509Certificate(Uint8Array.from(der));
    return {
      certificate: new X509Certificate(der),
      commonNames: parsed.subjectName.getField("CN"),
      organizations: parsed.subjectName.getField("O"),
      extendedKeyUsages: parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String) ??
        [],
    };
  } catch {
    return null;
  }
}
