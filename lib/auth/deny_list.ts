/**
 * Certificates that are refused although their CA is trusted.
 *
 * @module
 */

import { JobWorkerError, messageOf } from "../errors.ts";
import { readTrustedFile } from "../trusted_file.ts";

/**
 * Serial numbers and SHA-256 fingerprints as {@linkcode denyListOf} writes them. The two cannot be
 * mistaken for each other: a serial number has at most 20 octets (RFC 5280 §4.1.2.2), a fingerprint
 * has 32.
 *
 * Prefer serial numbers. The fingerprint covers the signature, and whoever holds a certificate that
 * was signed with ECDSA can rewrite that (s to n - s) into another valid one.
 */
export type DenyList = ReadonlySet<string>;

/** Hex digits of a SHA-256 fingerprint, and the most that a serial number has. */
const FINGERPRINT_DIGITS = 64;
const MAX_SERIAL_DIGITS = 40;

/**
 * Makes a deny list from serial numbers and fingerprints as `openssl x509 -serial -fingerprint
 * -sha256` prints them: hexadecimal in either case, with or without colons.
 *
 * @throws {JobWorkerError} `invalid_argument` for an entry that is neither.
 */
export function denyListOf(entries: Iterable<string>): DenyList {
  return new Set(Array.from(entries, parseEntry));
}

/**
 * Reads a deny list from a file: an entry a line; what follows a `#` is a comment.
 *
 * @throws {JobWorkerError} `failed_precondition` if it cannot be read, or may be changed by others
 * than its owner; `invalid_argument` for an entry that is neither
 */
export async function loadDenyList(path: string): Promise<DenyList> {
  let text: string;
  try {
    text = await readTrustedFile(path);
  } catch (error) {
    const message = `Cannot use the deny list "${path}": ${messageOf(error)}`;
    throw new JobWorkerError("failed_precondition", message, { cause: error });
  }
  const entries = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  return denyListOf(entries.filter((entry) => entry !== ""));
}

/** True if the certificate with this serial number and fingerprint, both in hex, is on the list. */
export function isDenied(denyList: DenyList, serialNumber: string, fingerprint: string): boolean {
  return denyList.has(canonical(serialNumber)) || denyList.has(canonical(fingerprint));
}

function parseEntry(entry: string): string {
  const digits = entry.trim().replaceAll(":", "");
  const isEither = digits.length === FINGERPRINT_DIGITS || digits.length <= MAX_SERIAL_DIGITS;
  if (!isEither || !/^[0-9a-f]+$/i.test(digits)) {
    throw new JobWorkerError(
      "invalid_argument",
      `Cannot deny the certificate ${JSON.stringify(entry)}: give its serial number ` +
        `(up to ${MAX_SERIAL_DIGITS} hex digits) or its SHA-256 fingerprint (${FINGERPRINT_DIGITS})`,
    );
  }
  return canonical(digits);
}

/** In lower case, and a serial number without leading zeros, which it may have or not. */
function canonical(hex: string): string {
  const digits = hex.toLowerCase();
  return digits.length === FINGERPRINT_DIGITS ? digits : digits.replace(/^0+(?=.)/, "");
}
