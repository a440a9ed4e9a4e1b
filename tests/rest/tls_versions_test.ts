import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { TestServer } from "../grpc/fixture.ts";
import { TestRest } from "./fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** What Deno itself cannot offer: OpenSSL can, if it is told to lower its own standards. */
const ANY = ["-cipher", "ALL:@SECLEVEL=0"];
const CBC = ["-cipher", "ALL:!AESGCM:!AESCCM:!CHACHA20:!ARIAGCM:@SECLEVEL=0"];
/** The server's answer, not a refusal of OpenSSL's own (RFC 8446, 6): by 40 or 70. */
const REFUSED = /SSL alert number (40|70)\n/;

/** Shakes hands, and returns what was agreed on and what went wrong. */
async function shakeHands(port: number, options: readonly string[]): Promise<string> {
  const { cert, key, ca } = certificates.paths("client");
  const address = ["-connect", `127.0.0.1:${port}`, "-servername", "localhost"];
  const { stdout, stderr } = await new Deno.Command("openssl", {
    args: ["s_client", ...address, "-CAfile", ca, "-cert", cert, "-key", key, ...options],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

const hasOpenSsl = await new Deno.Command("openssl", { args: ["version"] }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name: "REST refuses what is older than TLS 1.2, and suites with CBC",
  ignore: !hasOpenSsl,
  async fn() {
    await using rest = await TestRest.listen(certificates);
    assert.match(await shakeHands(rest.port, ["-tls1_3"]), /New, TLSv1.3, Cipher is/);
    assert.match(await shakeHands(rest.port, ["-tls1_2", ...ANY]), /New, TLSv1.2, .*GCM/);
    for (const options of [["-tls1_2", ...CBC], ["-tls1_1", ...ANY], ["-tls1", ...ANY]]) {
      assert.match(await shakeHands(rest.port, options), REFUSED, options.join(" "));
    }
  },
});

Deno.test({
  name: "gRPC refuses what is older than TLS 1.3",
  ignore: !hasOpenSsl,
  async fn() {
    await using grpc = await TestServer.start({}, { certificates });
    assert.match(await shakeHands(grpc.port, ["-tls1_3"]), /New, TLSv1.3, Cipher is/);
    for (const version of ["-tls1_2", "-tls1_1", "-tls1"]) {
      assert.match(await shakeHands(grpc.port, [version, ...ANY]), REFUSED, version);
    }
  },
});
