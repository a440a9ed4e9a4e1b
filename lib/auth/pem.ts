/**
 * Reads PEM files as people have them: several blocks in one file, text in between, Windows line ends,
 * trailing blanks, a byte order mark. The TLS stack and `node:crypto` are strict.
 *
 * @module
 */

/** A block of a PEM file. */
export interface PemBlock {
  /** Such as `CERTIFICATE` or `PRIVATE KEY`. */
  readonly label: string;
  /** The block in the strict form of RFC 7468 §3. */
  readonly pem: string;
  /** Whether it needs a passphrase. */
  readonly encrypted: boolean;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^]*?)-----END \1-----/g;

/** The blocks of a text, in order. */
export function pemBlocks(text: string): PemBlock[] {
  return Array.from(text.matchAll(BLOCK), ([, label = "", body = ""]) => {
    const base64 = body.replace(/\s+/g, "");
    const lines = base64.match(/.{1,64}/g) ?? [];
    return {
      label,
      pem: [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n"),
      encrypted: label.startsWith("ENCRYPTED ") || /^\s*Proc-Type:.*ENCRYPTED/m.test(body),
    };
  });
}

/** The certificates of a text, as PEM. */
export function certificatePems(text: string): string[] {
  return pemBlocks(text).filter(({ label }) => label === "CERTIFICATE").map(({ pem }) => pem);
}

/** The private keys of a text, in any format. */
export function privateKeyBlocks(text: string): PemBlock[] {
  return pemBlocks(text).filter(({ label }) => /(^| )PRIVATE KEY$/.test(label));
}

/** Only the certificates of a text; the text itself if there are none. */
export function tidyCertificates(text: string): string {
  return certificatePems(text).join("") || text;
}

/** Only the first private key of a text; the text itself if there is none. */
export function tidyPrivateKey(text: string): string {
  return privateKeyBlocks(text)[0]?.pem ?? text;
}

/** The text with its first certificate replaced. */
export function withFirstCertificate(text: string, pem: string): string {
  return text.replace(
    /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----[ \t\r]*\n?/,
    () => pem,
  );
}
