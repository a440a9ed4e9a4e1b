import { isIP } from "node:net";
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from "node:tls";
import { tidyCertificates, tidyPrivateKey } from "../auth/pem.ts";
import { JobWorkerError } from "../errors.ts";
import { hostPortHint, parseHostPort } from "../net/host_port.ts";

/** Where the daemon is, and what proves each side to the other. */
export interface Endpoint {
  /** A DNS name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** As people write it: `localhost:8080`, `[::1]:8080`. */
  readonly address: string;
  /** Options for `tls.connect`. */
  readonly tls: ConnectionOptions & ClientMaterial & { readonly servername: string };
}

/** The certificates and the key of a client, as PEM. */
export interface ClientMaterial {
  /** The CA that the daemon's certificate must come from. */
  readonly ca: string;
  /** The certificate that identifies the client, and its private key; both may be in the same text. */
  readonly cert: string;
  readonly key: string;
}

/**
 * Parses an address, `host:port` or `[IPv6]:port`, and sets the TLS options for it: at least TLS 1.3, and the
 * requested host, whether a name or an IP address, must be in the daemon's certificate.
 *
 * @throws {JobWorkerError} `invalid_argument`
 */
export function endpointOf(address: string, { ca, cert, key }: ClientMaterial): Endpoint {
  const { hostname: host, port } = parseHostPort(address) ?? { hostname: "", port: 0 };
  if (port === 0) {
    throw new JobWorkerError(
      "invalid_argument",
      `Invalid address "${address}": expected HOST:PORT, as in localhost:8080 or [::1]:8080` +
        hostPortHint(address),
    );
  }
  return {
    host,
    port,
    address,
    tls: {
      ca: tidyCertificates(ca),
      cert: tidyCertificates(cert),
      key: tidyPrivateKey(key),
      minVersion: "TLSv1.3",
      ALPNProtocols: ["h2"],
      // RFC 6066 forbids IP addresses as server names, and Deno sends none, but it requires a name.
      servername: isIP(host) === 0 ? host : "localhost",
      checkServerIdentity: (_servername: string, certificate: PeerCertificate) =>
        checkServerIdentity(host, certificate),
    },
  };
}
