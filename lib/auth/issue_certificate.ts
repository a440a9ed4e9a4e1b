import { createPrivateKey, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import { failedPrecondition } from "../errors.ts";
import { type Purpose, PURPOSES } from "./purposes.ts";
import { type Extension, x509 } from "./x509.ts";

/** A private key with a certificate for it, as PEM. */
export interface CertifiedKey {
  readonly cert: string;
  /** PKCS #8. */
  readonly key: string;
}

/** The content of a new certificate. */
export interface CertificateRequest {
  /** The subject's attributes in order; a name may come more than once. */
  readonly subject: readonly (readonly ["CN" | "O", string])[];
  /** By default, ECDSA P-256; Ed25519 only for what is not TLS. */
  readonly keyType?: keyof typeof KEY_ALGORITHMS;
  /** Who signs it; by default, it signs itself. */
  readonly issuer?: CertifiedKey;
  /** Whether it may sign others; by default not. */
  readonly ca?: boolean;
  /** The extended key usage, if any. */
  readonly usages?: readonly Purpose[];
  /** The DNS names and IP addresses that it is valid for. */
  readonly hosts?: readonly string[];
  /** What else it names: URIs. */
  readonly uris?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const KEY_ALGORITHMS = { "P-256": P256, Ed25519: { name: "Ed25519" } } as const;

/** Makes a key and a certificate for it, with a random serial number of 128 bits. */
export async function issueCertificate(request: CertificateRequest): Promise<CertifiedKey> {
  const { ca = false, usages = [], hosts = [], uris = [], notBefore, notAfter } = request;
  const algorithm = KEY_ALGORITHMS[request.keyType ?? "P-256"];
  const keys = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  // As objects, because the library interprets escapes and quotes in plain strings.
  const subject = new x509.Name(
    request.subject.map(([name, value]) => ({ [name]: [{ utf8String: value }] })),
  );
  const issuer = request.issuer === undefined
    ? {
      name: subject,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      algorithm,
    }
    : await signerOf(request.issuer);

  const extensions: Extension[] = [
    new x509.BasicConstraintsExtension(ca, ca ? 0 : undefined, true),
    new x509.KeyUsagesExtension(
      ca
        ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
        : x509.KeyUsageFlags.digitalSignature,
      true,
    ),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ];
  if (usages.length > 0) {
    extensions.push(new x509.ExtendedKeyUsageExtension(usages.map((usage) => PURPOSES[usage])));
  }
  if (hosts.length + uris.length > 0) {
    extensions.push(alternativeNames(hosts, uris));
  }
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer.name,
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: issuer.signingKey,
    signingAlgorithm: issuer.algorithm,
    extensions,
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: certificate.toString("pem") + "\n",
    key: x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag) + "\n",
  };
}

/** What is new in the successor of a certificate. */
export interface RenewalRequest {
  readonly issuer: CertifiedKey;
  /** DNS names and IP addresses to add to those of the old one. */
  readonly hosts?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Makes another certificate for the same key, with the content of the old one except for its dates.
 *
 * @param cert PEM
 * @returns PEM
 */
export async function renewCertificate(cert: string, request: RenewalRequest): Promise<string> {
  const old = new x509.X509Certificate(cert);
  const issuer = await signerOf(request.issuer);
  const named = old.getExtension(x509.SubjectAlternativeNameExtension);
  const names = named?.names.toJSON().map(({ value }) => value) ?? [];
  const hosts = [...new Set([...names, ...request.hosts ?? []])];
  const replaced: readonly string[] = [
    AUTHORITY_KEY_IDENTIFIER,
    ...request.hosts === undefined ? [] : [SUBJECT_ALTERNATIVE_NAME],
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: old.subjectName,
    issuer: issuer.name,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    publicKey: old.publicKey,
    signingKey: issuer.signingKey,
    signingAlgorithm: issuer.algorithm,
    extensions: [
      ...old.extensions.filter(({ type }) => !replaced.includes(type)),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...request.hosts === undefined ? [] : [alternativeNames(hosts)],
    ],
  });
  return certificate.toString("pem") + "\n";
}

/** RFC 5280 §4.2.1.1 and §4.2.1.6. */
const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";

function alternativeNames(hosts: readonly string[], uris: readonly string[] = []): Extension {
  return new x509.SubjectAlternativeNameExtension([
    ...hosts.map((value) => ({ type: isIP(value) === 0 ? x509.DNS : x509.IP, value }) as const),
    ...uris.map((value) => ({ type: x509.URL, value }) as const),
  ]);
}

async function signerOf({ cert, key }: CertifiedKey) {
  const certificate = new x509.X509Certificate(cert);
  const privateKey = createPrivateKey(key);
  const algorithm = algorithmOf(privateKey);
  const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
  return {
    name: certificate.subjectName,
    publicKey: certificate.publicKey,
    signingKey: await crypto.subtle.importKey(
      "pkcs8",
      Uint8Array.from(pkcs8),
      algorithm,
      false,
      ["sign"],
    ),
    algorithm,
  };
}

/** How a CA signs. A CA that we have not made may have any kind of key. */
function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject) {
  const curve = details?.namedCurve;
  if (type === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (curve === "prime256v1" || curve === "P-256") return P256;
  if (curve === "secp384r1" || curve === "P-384") {
    return { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
  }
  throw failedPrecondition(
    `Cannot sign with the key of the CA: its type is ${curve ?? type}; ` +
      "use RSA, or ECDSA with P-256 or P-384",
  );
}
