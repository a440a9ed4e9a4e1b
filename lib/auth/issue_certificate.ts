import { isIP } from "node:net";
import { type Extension, x509 } from "./x509.ts";

/** A certificate with its private key, as PEM. */
export interface Credentials {
  readonly cert: string;
  /** PKCS #8. */
  readonly key: string;
}

/** What is to be in a certificate. */
export interface CertificateRequest {
  /** The subject's attributes in order; a name may come more than once. */
  readonly subject: readonly (readonly ["CN" | "O", string])[];
  /** Who signs. Absent: itself. */
  readonly issuer?: Credentials;
  /** May it sign others? By default not. */
  readonly ca?: boolean;
  /** Extended key usage, if it is to have one. */
  readonly usages?: readonly ("clientAuth" | "serverAuth")[];
  /** DNS names and IP addresses it is good for. */
  readonly hosts?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING_ALGORITHM = { name: "ECDSA", hash: "SHA-256" } as const;

/** Makes a key (ECDSA P-256) and a certificate for it, with a random serial number of 128 bits. */
export async function issueCertificate(request: CertificateRequest): Promise<Credentials> {
  const { ca = false, usages = [], hosts = [], notBefore, notAfter } = request;
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  // As objects: in plain strings the library sees escapes and quotes.
  const subject = new x509.Name(
    request.subject.map(([name, value]) => ({ [name]: [{ utf8String: value }] })),
  );
  const issuer = request.issuer === undefined
    ? { name: subject, publicKey: keys.publicKey, signingKey: keys.privateKey }
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
    extensions.push(
      new x509.ExtendedKeyUsageExtension(usages.map((usage) => x509.ExtendedKeyUsage[usage])),
    );
  }
  if (hosts.length > 0) {
    extensions.push(
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value) => ({ type: isIP(value) === 0 ? x509.DNS : x509.IP, value }) as const),
      ),
    );
  }
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer.name,
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: issuer.signingKey,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions,
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: certificate.toString("pem") + "\n",
    key: x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag) + "\n",
  };
}

async function signerOf({ cert, key }: Credentials) {
  const certificate = new x509.X509Certificate(cert);
  const pkcs8 = x509.PemConverter.decodeFirst(key);
  return {
    name: certificate.subjectName,
    publicKey: certificate.publicKey,
    signingKey: await crypto.subtle.importKey("pkcs8", pkcs8, KEY_ALGORITHM, false, ["sign"]),
  };
}
