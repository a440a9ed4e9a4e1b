/**
 * What a hub or a host proves with who it is: whether its parts belong together, and how long they are good.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import {
  busUserOf,
  type FleetCredentials,
  type FleetMember,
  verifySigner,
} from "../auth/fleet_certificates.ts";
import type { CertifiedKey } from "../auth/issue_certificate.ts";

/** The certificates and keys of a member, as PEM. */
export interface MemberCredentials extends FleetCredentials {
  /** The CA of the fleet. */
  readonly ca: string;
}

/** What the parts are called where they come from. */
export interface CredentialNames {
  readonly ca: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly signCert: string;
  readonly signKey: string;
}

/**
 * Makes sure that the keys are those of the certificates, which the CA has signed for this member. They may have
 * expired: see {@linkcode datesFault}.
 *
 * @throws an error that names what is wrong
 */
export function checkCredentials(
  member: FleetMember,
  { ca: caPem, tls, sign }: MemberCredentials,
  names: CredentialNames,
): void {
  const ca = certificateIn(names.ca, caPem);
  if (!ca.ca) throw new Error(`${names.ca} is not a CA certificate`);
  const tlsCertificate = checkPair(tls, names.tlsCert, names.tlsKey);
  const signCertificate = checkPair(sign, names.signCert, names.signKey);
  if (tlsCertificate.subjectAltName !== `URI:${busUserOf(member)}`) {
    throw foreign(names.tlsCert, member);
  }
  if (!tlsCertificate.verify(ca.publicKey)) {
    throw new Error(`${names.tlsCert} is not signed by ${names.ca}`);
  }
  checkSign(member, signCertificate, ca, names.signCert);
}

function checkSign(
  member: FleetMember,
  certificate: X509Certificate,
  ca: X509Certificate,
  name: string,
): void {
  const trust = { trustedCas: [ca], denyList: new Set<string>() };
  // Whether it is good now is another question.
  const verdict = verifySigner(certificate.raw, trust, lastMoment([certificate, ca]));
  if (verdict.kind === "refused") throw new Error(`${name} ${verdict.why}`);
  const { fleet, kind, name: named } = verdict.signer.member;
  if (fleet === member.fleet && kind === member.kind && named === member.name) return;
  throw foreign(name, member);
}

function foreign(name: string, member: FleetMember): Error {
  return new Error(
    `${name} is not for the ${member.kind} "${member.name}" of the fleet "${member.fleet}"`,
  );
}

/**
 * Says which certificate is not valid at a time, if there is one.
 *
 * @param credentials those that {@linkcode checkCredentials} has found to be in order
 * @param time in milliseconds since the Unix epoch
 * @returns such as `"tls.cert expired on 2027-01-01T00:00:00.000Z"`; `null` if all of them are
 */
export function datesFault(
  { ca, tls, sign }: MemberCredentials,
  names: CredentialNames,
  time: number,
): string | null {
  const parts = [[names.tlsCert, tls.cert], [names.signCert, sign.cert], [names.ca, ca]] as const;
  for (const [name, pem] of parts) {
    const { validFromDate, validToDate } = new X509Certificate(pem);
    if (time > validToDate.getTime()) return `${name} expired on ${validToDate.toISOString()}`;
    if (time < validFromDate.getTime()) {
      return `${name} is not valid before ${validFromDate.toISOString()}: check the clock`;
    }
  }
  return null;
}

/**
 * @param credentials as for {@linkcode datesFault}
 * @returns when the first of the certificates expires, in milliseconds since the Unix epoch
 */
export function expiryOf({ ca, tls, sign }: MemberCredentials): number {
  return lastMoment([ca, tls.cert, sign.cert].map((pem) => new X509Certificate(pem)));
}

function lastMoment(certificates: readonly X509Certificate[]): number {
  return Math.min(...certificates.map(({ validToDate }) => validToDate.getTime()));
}

function checkPair(
  { cert, key }: CertifiedKey,
  certName: string,
  keyName: string,
): X509Certificate {
  const certificate = certificateIn(certName, cert);
  if (certificate.checkPrivateKey(keyIn(keyName, key))) return certificate;
  throw new Error(`${keyName} is not the key of ${certName}`);
}

function certificateIn(name: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error(`${name} is not a PEM certificate`, { cause: error });
  }
}

/**
 * Reads a private key.
 *
 * @param name what it is called where it comes from
 * @param pem PKCS #8
 * @throws an error that repeats nothing of it
 */
export function keyIn(name: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(`${name} is not a PEM private key`, { cause: error });
  }
}
