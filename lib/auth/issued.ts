/**
 * The certificates that a CA has issued: those in its directory, and those in `issued/` in there, which
 * stay when their holders take the files away.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { type DenyList, isDenied } from "./deny_list.ts";
import { failedPrecondition, pathFaultOf } from "../errors.ts";
import { type Role, ROLES } from "./identity.ts";
import { certificatePems } from "./pem.ts";
import { flushDirectory } from "../files/flush.ts";
import { replaceFile } from "../files/replace_file.ts";
import { x509 } from "./x509.ts";

/** A certificate that the CA has issued. */
export interface IssuedCertificate {
  readonly kind: "server" | "client";
  /** The user, for a client. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Both in lower-case hex. */
  readonly serialNumber: string;
  readonly fingerprint: string;
  /** Milliseconds since the Unix epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Whether it is on the deny list. */
  readonly denied: boolean;
  readonly pem: string;
  /** Its public key, to find certificates with the same one. */
  readonly publicKey: string;
  /** The files whose first certificate it is. */
  readonly paths: readonly string[];
  /** Whether it is in `issued/`. */
  readonly recorded: boolean;
}

/** The directory of the record. */
const RECORD = "issued";

/**
 * Finds all certificates that a CA has issued: those of servers first, then by name, the newest first.
 *
 * @throws {JobWorkerError} `failed_precondition` if the directory cannot be read
 */
export async function readIssued(
  directory: string,
  ca: X509Certificate,
  denyList: DenyList,
): Promise<readonly IssuedCertificate[]> {
  const found = new Map<string, IssuedCertificate>();
  const record = join(directory, RECORD);
  for (const [place, pattern] of [[directory, /-cert\.pem$/], [record, /\.pem$/]] as const) {
    for (const path of await filesIn(place, pattern)) {
      const certificate = await firstCertificate(path);
      if (certificate === null || !isOf(ca, certificate)) continue;
      const { paths = [], recorded = false } = found.get(certificate.fingerprint256) ?? {};
      const isRecord = place === record;
      found.set(certificate.fingerprint256, {
        ...describe(certificate, denyList),
        paths: isRecord ? paths : [...paths, path],
        recorded: recorded || isRecord,
      });
    }
  }
  return [...found.values()].sort((one, other) =>
    other.kind.localeCompare(one.kind) || one.name.localeCompare(other.name) ||
    other.notBefore - one.notBefore || other.notAfter - one.notAfter
  );
}

/** Records that a certificate was issued. */
export async function record(directory: string, pem: string): Promise<void> {
  const place = join(directory, RECORD);
  const { serialNumber } = new X509Certificate(pem);
  try {
    await Deno.mkdir(place, { recursive: true, mode: 0o755 });
    await flushDirectory(directory);
    await replaceFile(join(place, `${serialNumber.toLowerCase()}.pem`), pem, { mode: 0o644 });
  } catch (error) {
    const message = `Cannot write to "${place}": ${pathFaultOf(error)}`;
    throw failedPrecondition(message, error);
  }
}

async function filesIn(directory: string, pattern: RegExp): Promise<readonly string[]> {
  try {
    const names: string[] = [];
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      if (!isDirectory && pattern.test(name)) names.push(name);
    }
    return names.sort().map((name) => join(directory, name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    const message = `Cannot read the directory "${directory}": ${pathFaultOf(error)}`;
    throw failedPrecondition(message, error);
  }
}

/** The first certificate of a file; `null` if there is none, or it cannot be read. */
export async function firstCertificate(path: string): Promise<X509Certificate | null> {
  try {
    const [pem] = certificatePems(await Deno.readTextFile(path));
    return pem === undefined ? null : new X509Certificate(pem);
  } catch {
    return null;
  }
}

function isOf(ca: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return !certificate.ca && certificate.issuer === ca.subject && certificate.verify(ca.publicKey);
  } catch {
    return false;
  }
}

function describe(
  certificate: X509Certificate,
  denyList: DenyList,
): Omit<IssuedCertificate, "paths" | "recorded"> {
  const parsed = new x509.X509Certificate(Uint8Array.from(certificate.raw));
  const usages = parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String) ?? [];
  const isClient = usages.includes(x509.ExtendedKeyUsage.clientAuth);
  const [name = ""] = parsed.subjectName.getField("CN");
  const organizations = parsed.subjectName.getField("O");
  const serialNumber = certificate.serialNumber.toLowerCase();
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  return {
    kind: isClient ? "client" : "server",
    name,
    roles: isClient ? ROLES.filter((role) => organizations.includes(role)) : [],
    serialNumber,
    fingerprint,
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    denied: isDenied(denyList, serialNumber, fingerprint),
    pem: `${parsed.toString("pem")}\n`,
    publicKey: new Uint8Array(parsed.publicKey.rawData).toBase64(),
  };
}
