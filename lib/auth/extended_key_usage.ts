/**
 * What a certificate says that its key is for (RFC 5280 §4.2.1.12), of one that `node:crypto` has parsed, whose own
 * answer in Deno is the key usage. The engine asks it once; the library that knows all extensions would stay in its
 * memory, 3 MB, and takes twice as long to load as an empty process to start.
 *
 * @module
 */

import type { X509Certificate } from "node:crypto";

/** The values of object identifiers in DER, in hex. */
const EXTENDED_KEY_USAGE = "551d25";
const SERVER_AUTH = "2b06010505070301";

/** The tags of X.690 §8.1 and of a certificate's extensions that are looked for. */
const OBJECT_IDENTIFIER = 0x06;
const OCTET_STRING = 0x04;
const EXTENSIONS = 0xa3;

/** Whether clients accept it from a server: it names that purpose, or none. */
export function isForServers({ raw }: Pick<X509Certificate, "raw">): boolean {
  const purposes = extendedKeyUsage(raw);
  if (purposes === undefined) return true;
  const [list] = elements(purposes);
  return list !== undefined &&
    elements(list.value).some((purpose) => isIdentifier(purpose, SERVER_AUTH));
}

/** The value of that extension; `undefined` if there is none. */
function extendedKeyUsage(certificate: Uint8Array): Uint8Array | undefined {
  const [whole] = elements(certificate);
  const [signed] = whole === undefined ? [] : elements(whole.value);
  const extensions = signed && elements(signed.value).find(({ tag }) => tag === EXTENSIONS);
  const [list] = extensions === undefined ? [] : elements(extensions.value);
  for (const extension of list === undefined ? [] : elements(list.value)) {
    const parts = elements(extension.value);
    if (!parts.some((part) => isIdentifier(part, EXTENDED_KEY_USAGE))) continue;
    return parts.find(({ tag }) => tag === OCTET_STRING)?.value;
  }
  return undefined;
}

interface Element {
  readonly tag: number;
  readonly value: Uint8Array;
}

/** The elements of DER that stand one after the other. */
function elements(der: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at + 2 <= der.length;) {
    const [tag = 0, short = 0] = der.subarray(at, at + 2);
    at += 2;
    let length = short;
    if (short > 0x7f) {
      const bytes = der.subarray(at, at += short - 0x80);
      length = bytes.reduce((sum, byte) => sum * 0x100 + byte, 0);
    }
    found.push({ tag, value: der.subarray(at, at += length) });
  }
  return found;
}

function isIdentifier({ tag, value }: Element, hex: string): boolean {
  return tag === OBJECT_IDENTIFIER && value.toHex() === hex;
}
