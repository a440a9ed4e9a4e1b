/**
 * Loads certificates and keys from disk, and checks them first: the TLS stack itself silently accepts
 * garbage, keys of other certificates and empty CA files.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { dirname } from "node:path";
import { failedPrecondition, JobWorkerError, pathFaultOf } from "../errors.ts";
import {
  CERTIFICATES_COME_FROM,
  certsCommand,
  CLIENT_CERTIFICATES_COME_FROM,
  MAKE_CERTIFICATES,
} from "../text/command_hints.ts";
import { certificatePems, privateKeyBlocks, tidyCertificates } from "./pem.ts";

/** The paths of the PEM files for one end of a connection. */
export interface TlsPaths {
  /** The certificate to present, followed by those of intermediate CAs if there are any. */
  readonly cert: string;
  /** Its private key; it may be in the same file. */
  readonly key: string;
  /** The CAs to trust for the other end. */
  readonly ca: string;
}

/** What one end of a connection needs, as PEM, and what the checks have found. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** The certificates of `ca`; there is at least one. */
  readonly trustedCas: readonly X509Certificate[];
  /** When `cert` expires, in milliseconds since the Unix epoch. */
  readonly notAfter: number;
}

/** Whose files they are, because what users can do about them differs. */
export type Side = "server" | "client";

/**
 * Reads and checks the certificate, key and CAs of a server or of a client.
 *
 * @param time when the certificates must be valid, in milliseconds since the Unix epoch; now by default
 * @throws {JobWorkerError} `failed_precondition` if a file cannot be read or parsed, if others than its
 * owner may read the key or it belongs to another certificate, if the certificate or every CA is outside
 * its dates, or if the CA file has something other than CA certificates. The message says what to do.
 */
export async function loadTlsMaterial(
  paths: TlsPaths,
  side: Side,
  time: number = Date.now(),
): Promise<TlsMaterial> {
  // One after the other, so that the message always names the first of several missing files.
  const certText = await readFile("certificate", paths.cert, side);
  const keyText = await readFile("private key", paths.key, side, { isSecret: true });
  const caText = await readFile("CA file", paths.ca, side);
  const [certificate] = certificatesIn(certText, `certificate "${paths.cert}"`);
  checkDates(certificate, paths.cert, side, time);
  const key = keyOf(certificate, keyText, paths);
  const trustedCas = certificatesIn(caText, `CA file "${paths.ca}"`);
  checkCas(trustedCas, paths.ca, side, time);
  return {
    cert: tidyCertificates(certText),
    key,
    ca: tidyCertificates(caText),
    trustedCas,
    notAfter: certificate.validToDate.getTime(),
  };
}

async function readFile(
  what: string,
  path: string,
  side: Side,
  { isSecret = false }: { isSecret?: boolean } = {},
): Promise<string> {
  try {
    using file = await Deno.open(path);
    // This asks the open file, because that is what we read, whatever the path leads to by now.
    const { mode, isDirectory } = await file.stat();
    if (isDirectory) {
      throw failedPrecondition(`Cannot read the ${what} "${path}": it is a directory`);
    }
    if (isSecret && mode !== null && (mode & 0o077) !== 0) {
      throw failedPrecondition(
        `Cannot use the ${what} "${path}": users other than its owner may read or change it (mode ` +
          `${(mode & 0o777).toString(8).padStart(4, "0")}); run \`chmod 600 ${path}\``,
      );
    }
    return await new Response(file.readable).text();
  } catch (error) {
    if (error instanceof JobWorkerError) throw error;
    const remedy = error instanceof Deno.errors.NotFound
      ? `there is no such file; ${
        side === "client" ? CLIENT_CERTIFICATES_COME_FROM : CERTIFICATES_COME_FROM
      }`
      : pathFaultOf(error);
    throw failedPrecondition(`Cannot read the ${what} "${path}": ${remedy}`, error);
  }
}

function certificatesIn(text: string, source: string): [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...others] = certificatePems(text).map((pem) => new X509Certificate(pem));
    if (first !== undefined) return [first, ...others];
  } catch (error) {
    throw failedPrecondition(`Cannot read the ${source}: a certificate in it is damaged`, error);
  }
  throw failedPrecondition(
    `Cannot use the ${source}: there is no PEM certificate in it ` +
      "(-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----)",
  );
}

function checkDates(certificate: X509Certificate, path: string, side: Side, time: number): void {
  const { validFromDate, validToDate } = certificate;
  const remedy = side === "server"
    ? `renew it: ${certsCommand(["renew", "server"], dirname(path))}`
    : "ask whoever runs the daemon for a new one, " +
      `${MAKE_CERTIFICATES} renew ${nameIn(certificate)}`;
  if (time < validFromDate.getTime()) {
    throw failedPrecondition(
      `Certificate "${path}" is not valid before ${validFromDate.toISOString()}: ` +
        `check the clock, or ${remedy}`,
    );
  }
  if (time > validToDate.getTime()) {
    throw failedPrecondition(
      `Certificate "${path}" expired on ${validToDate.toISOString()}: ${remedy}`,
    );
  }
}

/** The CN if it can be used as a word in a shell, or else `NAME`. */
function nameIn({ subject }: X509Certificate): string {
  return /^CN=([\w.@][\w.@-]*)$/m.exec(subject)?.[1] ?? "NAME";
}

/** Finds the key of the certificate among those in the file. */
function keyOf(certificate: X509Certificate, text: string, paths: TlsPaths): string {
  const blocks = privateKeyBlocks(text);
  const plain = blocks.filter(({ encrypted }) => !encrypted);
  if (blocks.length > 0 && plain.length === 0) {
    throw failedPrecondition(
      `Cannot use the private key "${paths.key}": it needs a passphrase; store it without one, ` +
        "readable only by its owner",
    );
  }
  if (plain.length === 0) throw noKey();
  try {
    const own = plain.find(({ pem }) => certificate.checkPrivateKey(createPrivateKey(pem)));
    if (own !== undefined) return own.pem;
  } catch (error) {
    throw noKey(error);
  }
  throw failedPrecondition(
    `Private key "${paths.key}" does not belong to certificate "${paths.cert}": ` +
      "use a key and a certificate that were made together",
  );

  function noKey(cause?: unknown): JobWorkerError {
    const message = `Cannot use the private key "${paths.key}": it is not a PEM private key`;
    return failedPrecondition(message, cause);
  }
}

function checkCas(
  cas: readonly X509Certificate[],
  path: string,
  side: Side,
  time: number,
): void {
  const impostor = cas.find((certificate) => !certificate.ca);
  if (impostor !== undefined) {
    throw failedPrecondition(
      `Cannot use the CA file "${path}": the certificate with serial number ` +
        `${impostor.serialNumber} is not a CA certificate; keep only CA certificates in the file`,
    );
  }
  // While CAs are rotated, the file may still have one that has expired.
  const isGood = ({ validFromDate, validToDate }: X509Certificate) =>
    validFromDate.getTime() <= time && time <= validToDate.getTime();
  if (!cas.some(isGood)) {
    const remedy = side === "server"
      ? `make a new CA and new certificates with \`${certsCommand(["--force"], dirname(path))}\``
      : "ask whoever runs the daemon for its current ca-cert.pem";
    throw failedPrecondition(`Every CA in "${path}" has expired or is not valid yet: ${remedy}`);
  }
}
