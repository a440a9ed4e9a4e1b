/**
 * Certificates for tests, in a directory of their own that goes away with the fixture.
 *
 * @module
 */

import { join } from "node:path";
import { loadTlsMaterial, type TlsMaterial, type TlsPaths } from "../lib/auth/tls_material.ts";
import { makeCertificates } from "../lib/auth/certificates.ts";
import {
  type CertificateRequest,
  type CertifiedKey,
  issueCertificate,
} from "../lib/auth/issue_certificate.ts";
import { x509 } from "../lib/auth/x509.ts";

const HOUR = 3_600_000;

/** A set as `deno task certs` makes it, and whatever else its CA is asked for. */
export class TestCertificates implements AsyncDisposable {
  readonly directory: string;
  readonly #ca: CertifiedKey;

  private constructor(directory: string, ca: CertifiedKey) {
    this.directory = directory;
    this.#ca = ca;
  }

  static async create(): Promise<TestCertificates> {
    const directory = await Deno.makeTempDir({ prefix: "job-worker-certs-" });
    await makeCertificates(directory);
    const [cert, key] = await Promise.all(
      ["ca-cert.pem", "ca-key.pem"].map((name) => Deno.readTextFile(join(directory, name))),
    );
    return new TestCertificates(directory, { cert: cert ?? "", key: key ?? "" });
  }

  /** The CA's certificate and key. */
  get ca(): CertifiedKey {
    return this.#ca;
  }

  /** The files of the server or of one of the clients; `client` is the admin. */
  paths(name: "server" | "client" | "operator" | "viewer"): TlsPaths {
    return {
      cert: join(this.directory, `${name}-cert.pem`),
      key: join(this.directory, `${name}-key.pem`),
      ca: join(this.directory, "ca-cert.pem"),
    };
  }

  /** Those files, read: `{cert, key, ca}` as PEM and more. */
  material(name: "server" | "client" | "operator" | "viewer"): Promise<TlsMaterial> {
    return loadTlsMaterial(this.paths(name), name === "server" ? "server" : "client");
  }

  /** Any certificate, signed by this CA and good for an hour unless the request says otherwise. */
  issue(request: Partial<CertificateRequest>): Promise<CertifiedKey> {
    return issueCertificate({
      subject: [["O", "admin"], ["CN", "somebody"]],
      issuer: this.#ca,
      usages: ["clientAuth"],
      notBefore: new Date(Date.now() - HOUR),
      notAfter: new Date(Date.now() + HOUR),
      ...request,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** What is unusual about a CA. */
export interface AuthorityRequest {
  readonly commonName: string;
  /** By default it signs itself. */
  readonly issuer?: CertifiedKey;
  /** How many CAs may be below it; `undefined`: any number. */
  readonly pathLength?: number;
  readonly ca?: boolean;
  /** keyCertSign by default; 0: no key usage is said. */
  readonly keyUsages?: number;
  readonly usages?: readonly ("clientAuth" | "serverAuth")[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A CA of any kind, good for an hour. */
export async function issueAuthority(request: AuthorityRequest): Promise<CertifiedKey> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { commonName, issuer, ca = true, pathLength, usages = [] } = request;
  const { keyUsages = x509.KeyUsageFlags.keyCertSign } = request;
  const signingKey = issuer === undefined ? keys.privateKey : await crypto.subtle.importKey(
    "pkcs8",
    x509.PemConverter.decodeFirst(issuer.key),
    algorithm,
    false,
    ["sign"],
  );
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${commonName}`,
    issuer: issuer === undefined
      ? `CN=${commonName}`
      : new x509.X509Certificate(issuer.cert).subjectName,
    notBefore: request.notBefore ?? new Date(Date.now() - HOUR),
    notAfter: request.notAfter ?? new Date(Date.now() + HOUR),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(ca, pathLength, true),
      ...keyUsages === 0 ? [] : [new x509.KeyUsagesExtension(keyUsages, true)],
      ...usages.length === 0 ? [] : [
        new x509.ExtendedKeyUsageExtension(usages.map((usage) => x509.ExtendedKeyUsage[usage])),
      ],
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: certificate.toString("pem") + "\n",
    key: x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag) + "\n",
  };
}

/** A CA that nobody trusts. */
export function issueCa(commonName = "Other CA"): Promise<CertifiedKey> {
  return issueCertificate({
    subject: [["CN", commonName]],
    ca: true,
    notBefore: new Date(Date.now() - HOUR),
    notAfter: new Date(Date.now() + HOUR),
  });
}
