import { X509Certificate } from "node:crypto";
import { denyListOf } from "../../lib/auth/deny_list.ts";
import { issueCertificate } from "../../lib/auth/issue_certificate.ts";
import { readIssued, record } from "../../lib/auth/issued.ts";
import { assert } from "../assert.ts";
import { issueAuthority } from "../certificates.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { DAY_MS } from "./certificate_authority_fixture.ts";

Deno.test("readIssued() lists the server first, then users by name, the newest certificates of each first", async () => {
  await using directory = await temporaryDirectory();
  const ca = await issueAuthority({ commonName: "CA" });
  const day = (days: number) => new Date(Date.now() + days * DAY_MS);
  const cases = [
    ["zoe", "clientAuth", -5, 1],
    ["bob", "clientAuth", -9, 9],
    ["bob", "clientAuth", -3, 2],
    ["bob", "clientAuth", -3, 4],
    ["server", "serverAuth", -20, 1],
    ["server", "serverAuth", -1, 1],
  ] as const;
  for (const [name, usage, from, to] of cases) {
    const { cert } = await issueCertificate({
      subject: [["CN", name]],
      issuer: ca,
      usages: [usage],
      notBefore: day(from),
      notAfter: day(to),
    });
    await record(directory.path, cert);
  }
  const issued = await readIssued(directory.path, new X509Certificate(ca.cert), denyListOf([]));
  const daysFromNow = (time: number) => Math.round((time - Date.now()) / DAY_MS);
  assert.deepEqual(
    issued.map((
      { name, kind, notBefore, notAfter },
    ) => [name, `${kind}Auth`, daysFromNow(notBefore), daysFromNow(notAfter)]),
    [5, 4, 3, 2, 1, 0].map((index) => [...cases[index] ?? []]),
  );
});
