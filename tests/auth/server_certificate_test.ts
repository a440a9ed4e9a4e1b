import { loadServerMaterial } from "../../lib/auth/server_certificate.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";

Deno.test("loadServerMaterial() refuses a certificate that no client takes for a server's", async () => {
  await using certificates = await TestCertificates.create();
  await loadServerMaterial(certificates.paths("server"));
  const { ca, directory } = certificates;
  const rows = [
    [["clientAuth"], false],
    [["clientAuth", "serverAuth"], true],
    [["serverAuth"], true],
    // A certificate that names no purpose is good for every one.
    [[], true],
  ] as const;
  for (const [usages, good] of rows) {
    const { cert, key } = await certificates.issue({ usages });
    const path = `${directory}/both.pem`;
    await Deno.writeTextFile(path, cert + key, { mode: 0o600 });
    const caPath = `${directory}/its-ca.pem`;
    await Deno.writeTextFile(caPath, ca.cert);
    const loading = loadServerMaterial({ cert: path, key: path, ca: caPath });
    if (good) await loading;
    else {
      await assert.rejects(loading, {
        code: "failed_precondition",
        message: /both\.pem": it is not for servers \(no EKU serverAuth\); use the server's, which/,
      });
    }
  }
});
