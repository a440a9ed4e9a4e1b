/** The alerts by which a client says that it does not trust a server; RFC 8446, section 6.2. */
const DISTRUST =
  /fatal alert: (UnknownCA|BadCertificate|DecryptError|CertificateUnknown|CertificateExpired|UnsupportedCertificate)/;

/** Why a handshake has failed, in words where the TLS stack only gives the name of an alert. */
export function handshakeFault(text: string): string {
  const [, alert] = DISTRUST.exec(text) ?? [];
  if (alert === undefined) return text;
  return `the client does not trust the certificate of this daemon (TLS alert ${alert})`;
}
