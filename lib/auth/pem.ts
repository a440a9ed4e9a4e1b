/**
 * PEM as people have it: with several things in one file, text in between, line ends of Windows,
 * blanks at the ends of lines, a byte order mark. The TLS stack and `node:crypto` are strict.
 *
 * @module
 */

/** One thing in a PEM file. */
export interface PemBlock {
  /** What it is: `CERTIFICATE`, `PRIVATE KEY`. */
  readonly label: string;
  /** Itself, with nothing but what RFC 7468 §3 has. */
  readonly pem: string;
  /** It needs a passphrase. */
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

/** The private keys of a text, of any form. */
export function privateKeyBlocks(text: string): PemBlock[] {
  return pemBlocks(text).filter(({ label }) => /(^| )PRIVATE KEY$/.test(label));
}

/** The certificates of a text, and nothing else; the text itself if there are none. */
export function tidyCertificates(text: string): string {
  return certificatePems(text).join("") || text;
}

/** The private key of a text, the first one, and nothing else; the text itself if there is none. */
export function tidyPrivateKey(text: string): string {
  return privateKeyBlocks(text)[0]?.pem ?? text;
}

/** The text with another certificate in the place of its first one. */
export function withFirstCertificate(text: string, pem: string): string {
  return text.replace(
    /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----[ \t\r]*\n?/,
    () => pem,
  );
}
