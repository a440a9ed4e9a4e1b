import { createPublicKey, X509Certificate } from "node:crypto";
import { verifyClientCertificate } from "../../lib/auth/client_certificate.ts";
import { type DenyList, denyListOf } from "../../lib/auth/deny_list.ts";
import {
  busUserOf,
  type FleetMember,
  issueFleetCredentials,
  makeSealKeys,
  verifySigner,
} from "../../lib/auth/fleet_certificates.ts";
import type { CertificateRequest, CertifiedKey } from "../../lib/auth/issue_certificate.ts";
import { renewCertificate } from "../../lib/auth/issue_certificate.ts";
import { issueCa, TestCertificates } from "../certificates.ts";
import { assert } from "../assert.ts";

const NOW = Date.now();
const HOUR = 3_600_000;
const HUB: FleetMember = { fleet: "prod", kind: "hub", name: "hub-1" };
const HOST: FleetMember = { fleet: "prod", kind: "host", name: "web-1" };

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());
const ca = new X509Certificate(certificates.ca.cert);
const dates = { notBefore: new Date(NOW - HOUR), notAfter: new Date(NOW + HOUR) };

function issue(member: FleetMember) {
  return issueFleetCredentials(member, { issuer: certificates.ca, ...dates });
}

interface Conditions {
  readonly cas?: readonly X509Certificate[];
  readonly denyList?: DenyList;
  readonly time?: number;
}

function verify({ cert }: Pick<CertifiedKey, "cert">, conditions: Conditions = {}) {
  const { cas = [ca], denyList = new Set(), time = NOW } = conditions;
  return verifySigner(new X509Certificate(cert).raw, { trustedCas: cas, denyList }, time);
}

function whyNot(credentials: Pick<CertifiedKey, "cert">, conditions: Conditions = {}): string {
  const verdict = verify(credentials, conditions);
  return verdict.kind === "refused" ? verdict.why : verdict.kind;
}

Deno.test("verifySigner() says which hub or host a certificate is of", async () => {
  for (const member of [HUB, HOST]) {
    const { sign } = await issue(member);
    const parsed = new X509Certificate(sign.cert);
    const verdict = verify(sign);
    assert.ok(verdict.kind === "accepted");
    const { publicKey, ...signer } = verdict.signer;
    assert.deepEqual(signer, {
      member,
      fingerprint: parsed.fingerprint256.replaceAll(":", "").toLowerCase(),
      serialNumber: parsed.serialNumber.toLowerCase(),
      notAfter: parsed.validToDate.getTime(),
    });
    assert.ok(publicKey.equals(createPublicKey(sign.key)));
  }
});

Deno.test("verifySigner() knows the certificate of a member after it was renewed", async () => {
  const { sign } = await issue(HUB);
  const cert = await renewCertificate(sign.cert, { issuer: certificates.ca, ...dates });
  assert.equal(whyNot({ cert }), "accepted");
});

Deno.test("verifySigner() refuses every certificate that was not made for signing", async () => {
  const { tls } = await issue(HUB);
  assert.equal(whyNot(tls), "is not one for signing calls");
  const client = await certificates.issue({ subject: [["O", "admin"], ["CN", "hub-1"]] });
  assert.equal(whyNot(client), "is not one for signing calls");
  const marker = { uris: ["urn:job-worker:prod:hub:hub-1"] };
  const wrong: Partial<CertificateRequest>[] = [
    { usages: ["clientAuth"], keyType: "Ed25519" },
    { usages: ["documentSigning", "clientAuth"], keyType: "Ed25519" },
    { usages: ["serverAuth"], keyType: "Ed25519" },
    { usages: [], keyType: "Ed25519" },
    { usages: ["documentSigning"] },
  ];
  for (const request of wrong) {
    const one = await certificates.issue({ ...marker, ...request });
    assert.equal(whyNot(one), "is not one for signing calls", JSON.stringify(request));
  }
  assert.equal(whyNot(certificates.ca), "is that of a CA");
  const garbage = verifySigner(
    new Uint8Array(9),
    { trustedCas: [ca], denyList: new Set() },
    NOW,
  );
  assert.deepEqual(garbage, { kind: "refused", why: "cannot be read", fingerprint: "" });
});

Deno.test("verifySigner() refuses a certificate that does not name exactly one member", async () => {
  const names: Partial<CertificateRequest>[] = [
    {},
    { uris: ["urn:job-worker:prod:hub:hub-1", "urn:job-worker:prod:hub:hub-2"] },
    { uris: ["urn:job-worker:prod:hub:hub-1"], hosts: ["hub.example"] },
    { hosts: ["hub.example"] },
    { uris: [busUserOf(HUB)] },
    ...["", "hub", "hub:", "hub:a:b", "agent:a", "hub:A", `hub:${"a".repeat(64)}`, "hub:a\n"].map(
      (end) => ({ uris: [`urn:job-worker:prod:${end}`] }),
    ),
  ];
  for (const request of names) {
    const one = await certificates.issue({
      usages: ["documentSigning"],
      keyType: "Ed25519",
      ...request,
    });
    const why = "does not name one hub or host of a fleet";
    assert.equal(whyNot(one), why, JSON.stringify(request));
  }
});

Deno.test("verifySigner() refuses one of another CA, out of its dates, or denied", async () => {
  const { sign } = await issue(HUB);
  const other = new X509Certificate((await issueCa()).cert);
  assert.equal(whyNot(sign, { cas: [other] }), "is not signed by a CA that is trusted here");
  const later = { notBefore: new Date(NOW + HOUR), notAfter: new Date(NOW + 2 * HOUR) };
  const future = await issueFleetCredentials(HUB, { issuer: certificates.ca, ...later });
  assert.equal(whyNot(future.sign), "is not valid yet");
  assert.equal(whyNot(sign, { time: NOW + 2 * HOUR }), "has expired");
  const { serialNumber, fingerprint256 } = new X509Certificate(sign.cert);
  for (const entry of [serialNumber, fingerprint256]) {
    assert.equal(whyNot(sign, { denyList: denyListOf([entry]) }), "is on the deny list");
  }
});

Deno.test("issueFleetCredentials() gives nobody access to the API", async () => {
  const trust = { trustedCas: [ca], denyList: new Set<string>() };
  const { tls, sign } = await issue(HOST);
  const signing = verifyClientCertificate([new X509Certificate(sign.cert).raw], trust, NOW);
  assert.equal(signing.kind === "refused" && signing.reason, "no_client_auth");
  const connecting = verifyClientCertificate([new X509Certificate(tls.cert).raw], trust, NOW);
  assert.ok(connecting.kind === "accepted");
  assert.deepEqual(connecting.client.identity, { user: "web-1", roles: [] });
  assert.equal(new X509Certificate(tls.cert).subjectAltName, `URI:${busUserOf(HOST)}`);
});

Deno.test("issueFleetCredentials() refuses names that mean something in a URI or a subject", async () => {
  for (const name of ["", "a.b", "*", ">", "a:b", "A", "a/b", "a".repeat(64)]) {
    await assert.rejects(issue({ ...HOST, name }), TypeError);
  }
  await assert.rejects(issue({ ...HOST, fleet: "a:hub" }), TypeError);
});

Deno.test("makeSealKeys() makes a pair of keys that belong together", async () => {
  const { privateKey, publicKey } = await makeSealKeys();
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  assert.equal(Uint8Array.from(spki.subarray(-32)).toBase64(), publicKey);
});
