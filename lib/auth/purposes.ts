/** What a certificate may be for, its extended key usage: the names and their object identifiers. */
export const PURPOSES = {
  /** RFC 5280 §4.2.1.12, as the next. */
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  /** RFC 9336: signing what neither e-mail nor code is. No TLS stack accepts it for a connection. */
  documentSigning: "1.3.6.1.5.5.7.3.36",
} as const;

/** A key of {@linkcode PURPOSES}. */
export type Purpose = keyof typeof PURPOSES;
