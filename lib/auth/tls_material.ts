/**
 * Certificates and keys on disk, checked before anything is built on them: the TLS stack itself takes
 * garbage, keys of other certificates and empty CA files without a word.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { JobWorkerError, messageOf } from "../errors.ts";
import { CERTIFICATES_COME_FROM, MAKE_CERTIFICATES } from "../own_commands.ts";

/** Where the PEM files of one end of a connection are. */
export interface TlsPaths {
  /** The certificate to show, with those of intermediate CAs after it if there are any. */
  readonly cert: string;
  readonly key: string;
  /** The CAs by which to know the other end. */
  readonly ca: string;
}

/** What one end of a connection needs, as PEM, and what was learnt in checking it. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** The certificates of `ca`, of which there is at least one. */
  readonly trustedCas: readonly X509Certificate[];
  /** When `cert` expires, in milliseconds since the Unix epoch. */
  readonly notAfter: number;
}

/**
 * Reads and checks the certificate, key and CAs of a server or of a client.
 *
 * @param time When the certificates must be valid, in milliseconds since the Unix epoch; now by default.
 * @throws {JobWorkerError} `failed_precondition` if a file cannot be read or parsed, the key may be read
 * by others than its owner or belongs to another certificate, the certificate or every CA is outside
 * its dates, or the CA file holds something other than CA certificates. The message says what to do.
 */
export async function loadTlsMaterial(
  paths: TlsPaths,
  time: number = Date.now(),
): Promise<TlsMaterial> {
  // One after the other, so that of several that are missing it is always the first that is named.
  const cert = await readFile("certificate", paths.cert);
  const key = await readFile("private key", paths.key, { isSecret: true });
  const ca = await readFile("CA file", paths.ca);
  const [certificate] = certificatesIn(cert, `certificate "${paths.cert}"`);
  checkDates(certificate, `Certificate "${paths.cert}"`, time);
  checkKey(certificate, key, paths);

  const trustedCas = certificatesIn(ca, `CA file "${paths.ca}"`);
  checkCas(trustedCas, paths.ca, time);
  return { cert, key, ca, trustedCas, notAfter: certificate.validToDate.getTime() };
}

const MAKE_ANEW = `make new ones with \`${MAKE_CERTIFICATES} --force\``;

async function readFile(
  what: string,
  path: string,
  { isSecret = false }: { isSecret?: boolean } = {},
): Promise<string> {
  try {
    using file = await Deno.open(path);
    // Asked of the open file: that is what is read, whatever the name leads to by then.
    const { mode } = await file.stat();
    if (isSecret && mode !== null && (mode & 0o077) !== 0) {
      throw refusal(
        `Cannot use the ${what} "${path}": others than its owner may read or change it (mode ` +
          `${(mode & 0o777).toString(8).padStart(4, "0")}); run \`chmod 600 ${path}\``,
      );
    }
    return await new Response(file.readable).text();
  } catch (error) {
    if (error instanceof JobWorkerError) throw error;
    const remedy = error instanceof Deno.errors.NotFound
      ? `there is no such file; ${CERTIFICATES_COME_FROM}`
      : messageOf(error);
    throw refusal(`Cannot read the ${what} "${path}": ${remedy}`, error);
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function certificatesIn(pem: string, source: string): [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...others] = (pem.match(PEM_CERTIFICATE) ?? []).map((block) =>
      new X509Certificate(block)
    );
    if (first !== undefined) return [first, ...others];
  } catch (error) {
    throw refusal(`Cannot read the ${source}: a certificate in it is damaged`, error);
  }
  throw refusal(`Cannot use the ${source}: there is no PEM certificate in it`);
}

function checkDates(certificate: X509Certificate, subject: string, time: number): void {
  const { validFromDate, validToDate } = certificate;
  if (time < validFromDate.getTime()) {
    throw refusal(
      `${subject} is not valid before ${validFromDate.toISOString()}: check the clock, or ${MAKE_ANEW}`,
    );
  }
  if (time > validToDate.getTime()) {
    throw refusal(`${subject} expired on ${validToDate.toISOString()}: ${MAKE_ANEW}`);
  }
}

function checkKey(certificate: X509Certificate, key: string, paths: TlsPaths): void {
  if (/^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(key)) {
    throw refusal(
      `Cannot use the private key "${paths.key}": it needs a passphrase; store it without one, ` +
        "for its owner only",
    );
  }
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw refusal(`Cannot use the private key "${paths.key}": it is not a PEM private key`, error);
  }
  if (!matches) {
    throw refusal(
      `Private key "${paths.key}" does not belong to certificate "${paths.cert}": ` +
        `name the two that were made together, or ${MAKE_ANEW}`,
    );
  }
}

function checkCas(cas: readonly X509Certificate[], path: string, time: number): void {
  const impostor = cas.find((certificate) => !certificate.ca);
  if (impostor !== undefined) {
    throw refusal(
      `Cannot use the CA file "${path}": the certificate with serial number ` +
        `${impostor.serialNumber} is not a CA's; keep the certificates of CAs only`,
    );
  }
  // While CAs are rotated, the file may still hold one that has had its day.
  const isGood = ({ validFromDate, validToDate }: X509Certificate) =>
    validFromDate.getTime() <= time && time <= validToDate.getTime();
  if (!cas.some(isGood)) {
    throw refusal(`Every CA in "${path}" has expired or is not valid yet: ${MAKE_ANEW}`);
  }
}

function refusal(message: string, cause?: unknown): JobWorkerError {
  return new JobWorkerError("failed_precondition", message, { cause });
}
