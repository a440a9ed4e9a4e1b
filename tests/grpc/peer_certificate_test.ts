import type { PeerCertificate } from "node:tls";
import { peerCertificateOf } from "../../lib/grpc/peer_certificate.ts";
import { assert } from "../assert.ts";

Deno.test("peerCertificateOf() takes a connection that is just being closed for a call that is cancelled", () => {
  // As grpc-js does it.
  const gone = { getPeerCertificate: (): PeerCertificate | null => null };
  const call = {
    getAuthContext: () => {
      const certificate = gone.getPeerCertificate() as PeerCertificate;
      return certificate.raw ? { sslPeerCertificate: certificate } : {};
    },
  };
  assert.throws(() => peerCertificateOf(call), { code: "cancelled" });
  assert.equal(peerCertificateOf({ getAuthContext: () => ({}) }), undefined);
});
