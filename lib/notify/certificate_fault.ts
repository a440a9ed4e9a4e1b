/** What rustls says of certificates that a new receiver often has, and what is to be done. */
const FAULTS: readonly (readonly [RegExp, string])[] = [
  [
    /UnknownIssuer|BadSignature/,
    "its certificate is from no CA that this daemon trusts; --notify-ca names further ones, and is read at a start",
  ],
  [
    /CaUsedAsEndEntity/,
    "its certificate is that of a CA, which no server may use; with openssl req -x509, " +
    "add -addext basicConstraints=critical,CA:FALSE",
  ],
];

/**
 * Why a TLS client does not accept the certificate of a webhook's host, and what to do.
 *
 * @param message what the client says
 * @returns `null` if it is about something else, or already clear
 */
export function certificateFaultOf(message: string): string | null {
  if (!message.includes("invalid peer certificate")) return null;
  return FAULTS.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}
