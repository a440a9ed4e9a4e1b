import { X509Certificate } from "node:crypto";
import { verifyClientCertificate } from "../../lib/auth/client_certificate.ts";
import { type DenyList, denyListOf } from "../../lib/auth/deny_list.ts";
import type { CertificateRequest, CertifiedKey } from "../../lib/auth/issue_certificate.ts";
import { issueCa, TestCertificates } from "../certificates.ts";
import { assert } from "../assert.ts";

const NOW = Date.now();
const HOUR = 3_600_000;

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());
const ca = new X509Certificate(certificates.ca.cert);

interface Conditions {
  readonly cas?: readonly X509Certificate[];
  readonly denyList?: DenyList;
  readonly time?: number;
}

function verify({ cert }: CertifiedKey, conditions: Conditions = {}) {
  const { cas = [ca], denyList = new Set(), time = NOW } = conditions;
  return verifyClientCertificate(
    [new X509Certificate(cert).raw],
    { trustedCas: cas, denyList },
    time,
  );
}

async function identityOf(subject: CertificateRequest["subject"]) {
  const verdict = verify(await certificates.issue({ subject }));
  return verdict.kind === "accepted" ? verdict.client.identity : verdict.reason;
}

function reasonOf(credentials: CertifiedKey, conditions: Conditions = {}): string {
  const verdict = verify(credentials, conditions);
  return verdict.kind === "refused" ? verdict.reason : verdict.kind;
}

Deno.test("verifyClientCertificate() says who it is, and by which certificate", async () => {
  const credentials = await certificates.issue({ subject: [["O", "operator"], ["CN", "alice"]] });
  const parsed = new X509Certificate(credentials.cert);
  assert.deepEqual(verify(credentials), {
    kind: "accepted",
    client: {
      identity: { user: "alice", roles: ["operator"] },
      fingerprint: parsed.fingerprint256.replaceAll(":", "").toLowerCase(),
      serialNumber: parsed.serialNumber.toLowerCase(),
      notAfter: parsed.validToDate.getTime(),
    },
  });
});

Deno.test("verifyClientCertificate() takes each O for a role, in our spelling only", async () => {
  assert.deepEqual(
    await identityOf([["O", "viewer"], ["O", "Admin"], ["O", "staff"], ["CN", "a"], [
      "O",
      "operator",
    ], ["O", "viewer"]]),
    { user: "a", roles: ["operator", "viewer"] },
  );
  assert.deepEqual(await identityOf([["CN", "a"]]), { user: "a", roles: [] });
  assert.deepEqual(await identityOf([["CN", "a"], ["O", "viewer\nadmin"], ["O", " admin"]]), {
    user: "a",
    roles: [],
  });
});

Deno.test("verifyClientCertificate() takes plain names of any script", async () => {
  for (
    const user of ["a", "Zoë Müller", "李小龍", "x".repeat(64), "a@b.example", "😀".repeat(64)]
  ) {
    assert.deepEqual(await identityOf([["CN", user]]), { user, roles: [] });
  }
});

Deno.test("verifyClientCertificate() refuses a CN that is missing, repeated, or not plain", async () => {
  const subjects: CertificateRequest["subject"][] = [
    [["O", "admin"]],
    [["CN", "a"], ["CN", "a"]],
  ];
  const names = [
    "",
    " a",
    "a ",
    "x".repeat(65),
    "a\nO=admin",
    "a\u0000b",
    "a\u007f",
    "a\u0085b",
    "a\u202eb",
    "a\u2066b",
    "a\u200bb",
    "a\u00adb",
    "a\u00a0b",
    "a\u2028b",
    "a\u3164b",
    "a\ufe0fb",
    "a\u2800b",
    "a\ufeff",
    "a\ufffd",
    "a\ue000",
  ];
  for (const name of names) subjects.push([["CN", name]]);
  for (const subject of subjects) {
    assert.equal(await identityOf(subject), "bad_common_name", JSON.stringify(subject));
  }
});

Deno.test("verifyClientCertificate() refuses an empty chain, and bytes that are no certificate", () => {
  const trust = { trustedCas: [ca], denyList: new Set<string>() };
  assert.deepEqual(verifyClientCertificate([], trust, NOW), {
    kind: "refused",
    reason: "no_certificate",
    message: "No client certificate was given",
    fingerprint: "",
  });
  for (
    const der of [new Uint8Array(), new Uint8Array([0x30, 0x03, 1, 2, 3]), ca.raw.slice(0, -1)]
  ) {
    assert.deepEqual(verifyClientCertificate([der], trust, NOW), {
      kind: "refused",
      reason: "malformed",
      message: "The client certificate cannot be read",
      fingerprint: "",
    });
  }
});

Deno.test("verifyClientCertificate() refuses a certificate whose bytes were changed", async () => {
  const { cert } = await certificates.issue({ subject: [["CN", "mallory"]] });
  const der = Uint8Array.from(new X509Certificate(cert).raw);
  const at = new TextDecoder("latin1").decode(der).indexOf("mallory");
  der.set(new TextEncoder().encode("ballory"), at);
  const verdict = verifyClientCertificate([der], { trustedCas: [ca], denyList: new Set() }, NOW);
  assert.equal(verdict.kind === "refused" && verdict.reason, "unknown_ca");
});

Deno.test("verifyClientCertificate() refuses a CA's certificate", async () => {
  assert.equal(reasonOf(certificates.ca), "is_ca");
  assert.equal(reasonOf(await certificates.issue({ ca: true })), "is_ca");
});

Deno.test("verifyClientCertificate() refuses certificates that no trusted CA has signed", async () => {
  const good = await certificates.issue({});
  assert.equal(reasonOf(good, { cas: [] }), "unknown_ca");
  // The same name, but another key.
  const impostor = await issueCa("Job Worker CA");
  assert.equal(reasonOf(await certificates.issue({ issuer: impostor })), "unknown_ca");
  // During a rotation there are both, and either will do.
  const both = [new X509Certificate(impostor.cert), ca];
  assert.equal(reasonOf(await certificates.issue({ issuer: impostor }), { cas: both }), "accepted");
  assert.equal(reasonOf(good, { cas: both }), "accepted");
  // A trusted CA has signed this signer, but it may not sign certificates.
  const leaf = await certificates.issue({});
  assert.equal(reasonOf(await certificates.issue({ issuer: leaf })), "unknown_ca");
});

Deno.test("verifyClientCertificate() checks the dates, those of the CA included", async () => {
  const start = Math.floor(NOW / 1000) * 1000;
  const credentials = await certificates.issue({
    notBefore: new Date(start),
    notAfter: new Date(start + HOUR),
  });
  assert.equal(reasonOf(credentials, { time: start - 1 }), "not_yet_valid");
  assert.equal(reasonOf(credentials, { time: start }), "accepted");
  assert.equal(reasonOf(credentials, { time: start + HOUR }), "accepted");
  assert.equal(reasonOf(credentials, { time: start + HOUR + 1 }), "expired");

  // It outlives its CA, which `issueCa` makes for an hour.
  const shortLived = await issueCa();
  const verdict = verify(
    await certificates.issue({ issuer: shortLived, notAfter: new Date(NOW + 3 * HOUR) }),
    { cas: [new X509Certificate(shortLived.cert)] },
  );
  const caEnd = new X509Certificate(shortLived.cert).validToDate.getTime();
  assert.equal(verdict.kind === "accepted" && verdict.client.notAfter, caEnd);
  assert.equal(
    reasonOf(await certificates.issue({ issuer: shortLived, notAfter: new Date(NOW + 3 * HOUR) }), {
      cas: [new X509Certificate(shortLived.cert)],
      time: caEnd + 1,
    }),
    "unknown_ca",
  );
});

Deno.test("verifyClientCertificate() wants the extended key usage clientAuth", async () => {
  assert.equal(reasonOf(await certificates.issue({ usages: [] })), "no_client_auth");
  assert.equal(reasonOf(await certificates.issue({ usages: ["serverAuth"] })), "no_client_auth");
  const both = await certificates.issue({ usages: ["serverAuth", "clientAuth"] });
  assert.equal(reasonOf(both), "accepted");
});

Deno.test("verifyClientCertificate() refuses what is on the deny list", async () => {
  const credentials = await certificates.issue({});
  const { serialNumber, fingerprint256 } = new X509Certificate(credentials.cert);
  const other = new X509Certificate((await certificates.issue({})).cert);
  assert.equal(reasonOf(credentials, { denyList: denyListOf([serialNumber]) }), "denied");
  assert.equal(reasonOf(credentials, { denyList: denyListOf([fingerprint256]) }), "denied");
  assert.equal(reasonOf(credentials, { denyList: denyListOf([other.serialNumber]) }), "accepted");
});
