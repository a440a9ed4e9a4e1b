/**
 * The list of certificates that are refused although their CA is trusted.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { failedPrecondition, invalidArgument, JobWorkerError, pathFaultOf } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { replaceFile } from "../files/replace_file.ts";
import { readTrustedFile } from "../files/trusted_file.ts";

/**
 * Serial numbers and SHA-256 fingerprints as {@linkcode denyListOf} writes them. The two cannot be
 * mistaken for each other: a serial number has at most 20 octets (RFC 5280 §4.1.2.2), a fingerprint
 * has 32.
 *
 * Prefer serial numbers. A fingerprint covers the signature, and the holder of a certificate that was
 * signed with ECDSA can turn the signature (s to n - s) into another valid one.
 */
export type DenyList = ReadonlySet<string>;

/** How many hex digits a SHA-256 fingerprint has, and a serial number can have. */
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

/** The default path of the deny list that belongs to a CA file. */
export function denyListBeside(ca: string): string {
  return join(dirname(ca), "deny-list.txt");
}

/**
 * Reads a deny list from a file: one entry per line; what follows a `#` is a comment.
 *
 * @param options.optional take a missing file for an empty list
 * @throws {JobWorkerError} `failed_precondition` if it cannot be read, if others than its owner may
 * change it, or if an entry is neither a serial number nor a fingerprint
 */
export async function loadDenyList(
  path: string,
  { optional = false }: { optional?: boolean } = {},
): Promise<DenyList> {
  const entries = (await read(path, optional)).split("\n").map((line) =>
    line.replace(/#.*/, "").trim()
  );
  try {
    return denyListOf(entries.filter((entry) => entry !== ""));
  } catch (error) {
    throw unusable(path, error);
  }
}

/**
 * Reads the deny list of a daemon.
 *
 * @param options.denyList its path; `""` for the file beside that of the CA, if there is one
 * @throws as {@linkcode loadDenyList} does
 */
export async function loadDenyListOf(
  { denyList, ca }: { readonly denyList: string; readonly ca: string },
): Promise<DenyList> {
  return denyList === ""
    ? await loadDenyList(denyListBeside(ca), { optional: true })
    : await loadDenyList(denyList);
}

/**
 * Adds serial numbers to a deny list, and creates the file if necessary. Whoever reads it in the meantime
 * gets either the old list or the new one.
 *
 * @param comment a comment of one line for each of them
 * @throws as {@linkcode loadDenyList} does; `failed_precondition` if it cannot be written
 */
export async function addToDenyList(
  path: string,
  serialNumbers: readonly string[],
  comment: string,
): Promise<void> {
  // A list that the daemon cannot read must be mended first.
  await loadDenyList(path, { optional: true });
  const old = await read(path, true);
  const start = old === "" || old.endsWith("\n") ? old : `${old}\n`;
  const lines = serialNumbers.map((serialNumber) => `${serialNumber} # ${comment}\n`);
  try {
    await replaceFile(path, start + lines.join(""), { mode: 0o644, keepMode: true });
  } catch (error) {
    const message = `Cannot write the deny list "${path}": ${pathFaultOf(error)}`;
    throw failedPrecondition(message, error);
  }
}

async function read(path: string, optional: boolean): Promise<string> {
  try {
    // A broken link is not an empty list: that would let in everybody who was shut out.
    if (optional && await fileInfo(path) === null) return "";
    return await readTrustedFile(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): JobWorkerError {
  const message = `Cannot use the deny list "${path}": ${pathFaultOf(error)}`;
  return failedPrecondition(message, error);
}

/** Whether the certificate with this serial number and fingerprint, both in hex, is on the list. */
export function isDenied(denyList: DenyList, serialNumber: string, fingerprint: string): boolean {
  return denyList.has(canonical(serialNumber)) || denyList.has(canonical(fingerprint));
}

function parseEntry(entry: string): string {
  const digits = entry.trim().replaceAll(":", "");
  const isEither = digits.length === FINGERPRINT_DIGITS || digits.length <= MAX_SERIAL_DIGITS;
  if (!isEither || !/^[0-9a-f]+$/i.test(digits)) {
    throw invalidArgument(
      `Cannot deny the certificate ${JSON.stringify(entry)}: give its serial number ` +
        `(up to ${MAX_SERIAL_DIGITS} hex digits) or its SHA-256 fingerprint (${FINGERPRINT_DIGITS})`,
    );
  }
  return canonical(digits);
}

/** Writes it in lower case, and a serial number without leading zeros, which are optional. */
function canonical(hex: string): string {
  const digits = hex.toLowerCase();
  return digits.length === FINGERPRINT_DIGITS ? digits : digits.replace(/^0+(?=.)/, "");
}
