import { X509Certificate } from "node:crypto";
import { isForServers } from "../../lib/auth/extended_key_usage.ts";
import { x509 } from "../../lib/auth/x509.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";

Deno.test("isForServers() says of a certificate what the library says that knows all extensions", async () => {
  await using certificates = await TestCertificates.create();
  const hosts = Array.from({ length: 100 }, (_, index) => `host-${index}.example.com`);
  const rows = [
    { usages: [] },
    { usages: ["clientAuth"] },
    { usages: ["serverAuth"] },
    { usages: ["clientAuth", "serverAuth"] },
    // An extension that is longer than one byte can say, before the one that is looked for or after it.
    { usages: ["clientAuth"], hosts },
    { usages: ["serverAuth"], hosts },
    { usages: [], hosts },
  ] as const;
  const found: boolean[] = [];
  for (const request of rows) {
    const { cert } = await certificates.issue(request);
    const extension = new x509.X509Certificate(cert)
      .getExtension(x509.ExtendedKeyUsageExtension);
    const expected = extension?.usages.includes(x509.ExtendedKeyUsage.serverAuth) ?? true;
    assert.equal(isForServers(new X509Certificate(cert)), expected, JSON.stringify(request));
    found.push(expected);
  }
  assert.deepEqual(found, [true, false, true, true, false, true, true]);
  assert.ok(
    !isForServers(new X509Certificate(await Deno.readTextFile(certificates.paths("client").cert))),
  );
});
