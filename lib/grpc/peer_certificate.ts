import type { PeerCertificate } from "node:tls";
import { JobWorkerError } from "../errors.ts";
import type { ServerCall } from "./server_call.ts";

/**
 * The certificate of the connection that a call came over.
 *
 * @throws `cancelled` if the connection has just been closed, in which case grpc-js throws a `TypeError`:
 *   it asks the socket for the certificate, and reads a property of what is then `null`
 */
export function peerCertificateOf(
  call: Pick<ServerCall, "getAuthContext">,
): PeerCertificate | undefined {
  try {
    return call.getAuthContext().sslPeerCertificate;
  } catch (error) {
    throw new JobWorkerError("cancelled", "The connection of the call is closed", { cause: error });
  }
}
