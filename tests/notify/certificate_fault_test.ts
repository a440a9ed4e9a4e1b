import { certificateFaultOf } from "../../lib/notify/certificate_fault.ts";
import { assert } from "../assert.ts";

Deno.test("certificateFaultOf() says what to do about the certificate of a receiver", () => {
  const fault = (what: string) =>
    certificateFaultOf(`client error (Connect): invalid peer certificate: ${what}`);
  assert.match(fault("UnknownIssuer") ?? "", /no CA that .*--notify-ca/);
  assert.match(fault("BadSignature") ?? "", /no CA that .*--notify-ca/);
  assert.match(fault("Other(OtherError(CaUsedAsEndEntity))") ?? "", /that of a CA.*CA:FALSE/);
  assert.equal(fault("certificate expired: verification time 1796057720"), null);
  assert.equal(certificateFaultOf("client error (Connect): tcp connect error"), null);
});
