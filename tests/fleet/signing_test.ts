import { X509Certificate } from "node:crypto";
import { Signers } from "../../lib/fleet/signing.ts";
import { assert } from "../assert.ts";
import { CA, HUB_CREDENTIALS } from "./fixture.ts";

const CERTIFICATE = new X509Certificate(HUB_CREDENTIALS.sign.cert);
const DER = new Uint8Array(CERTIFICATE.raw).toBase64();

Deno.test("A signer who is known is refused as soon as its certificate expires, or does not count", () => {
  let trust = { trustedCas: [new X509Certificate(CA.cert)], denyList: new Set<never>() };
  const signers = new Signers(() => trust);
  const end = CERTIFICATE.validToDate.getTime();
  const first = signers.verify(DER, end - 1_000);
  assert.equal(first.kind, "accepted");
  // It is not looked at again.
  assert.equal(signers.verify(DER, end), first);
  assert.equal(signers.verify(DER, end + 1).kind, "refused");
  assert.equal(signers.verify(DER, end).kind, "accepted");
  trust = { ...trust, trustedCas: [] };
  assert.equal(signers.verify(DER, end).kind, "refused");
});
