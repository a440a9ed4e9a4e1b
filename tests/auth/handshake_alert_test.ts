import { handshakeFault } from "../../lib/auth/handshake_alert.ts";
import { assert } from "../assert.ts";

Deno.test("handshakeFault() says why a client has rejected the daemon", () => {
  const trust = "the client does not trust the certificate of this daemon";
  assert.equal(
    handshakeFault("received fatal alert: UnknownCA"),
    `${trust} (TLS alert UnknownCA)`,
  );
  assert.equal(
    handshakeFault("received fatal alert: DecryptError"),
    `${trust} (TLS alert DecryptError)`,
  );
  for (const other of ["received fatal alert: ProtocolVersion", "timed out"]) {
    assert.equal(handshakeFault(other), other);
  }
});
