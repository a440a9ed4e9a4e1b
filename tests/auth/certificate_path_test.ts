import { X509Certificate } from "node:crypto";
import { MAX_SENT_CERTIFICATES } from "../../lib/auth/certificate_path.ts";
import { type CertifiedKey, issueCertificate } from "../../lib/auth/issue_certificate.ts";
import { verifyClientCertificate } from "../../lib/auth/client_certificate.ts";
import { denyListOf } from "../../lib/auth/deny_list.ts";
import { x509 } from "../../lib/auth/x509.ts";
import { assert } from "../assert.ts";
import { type AuthorityRequest, issueAuthority } from "../certificates.ts";

const NOW = Date.now();
const HOUR = 3_600_000;

const root = await issueAuthority({ commonName: "Root" });

function issueClient(issuer: CertifiedKey, notAfter = NOW + HOUR): Promise<CertifiedKey> {
  return issueCertificate({
    subject: [["O", "operator"], ["CN", "alice"]],
    issuer,
    usages: ["clientAuth"],
    notBefore: new Date(NOW - HOUR),
    notAfter: new Date(notAfter),
  });
}

/** A client's certificate from an intermediate CA of the root. */
async function chainBelow(request: Partial<AuthorityRequest> = {}) {
  const intermediate = await issueAuthority({ commonName: "Team", issuer: root, ...request });
  return { intermediate, client: await issueClient(intermediate) };
}

/** The name and key of a CA once more, signed by one and until a time of choice. */
async function certify(
  ca: CertifiedKey,
  by: CertifiedKey,
  notAfter = NOW + HOUR,
): Promise<CertifiedKey> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pkcs8 = x509.PemConverter.decodeFirst(by.key);
  const subject = new x509.X509Certificate(ca.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: subject.subjectName,
    issuer: new x509.X509Certificate(by.cert).subjectName,
    notBefore: subject.notBefore,
    notAfter: new Date(notAfter),
    publicKey: subject.publicKey,
    signingKey: await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]),
    signingAlgorithm: algorithm,
    extensions: subject.extensions,
  });
  return { cert: certificate.toString("pem"), key: ca.key };
}

interface Conditions {
  readonly trusted?: readonly CertifiedKey[];
  readonly denied?: readonly CertifiedKey[];
  readonly time?: number;
}

/** What becomes of a client that shows these certificates. */
function verdictOf(chain: readonly CertifiedKey[], conditions: Conditions = {}) {
  const { trusted = [root], denied = [], time = NOW } = conditions;
  return verifyClientCertificate(
    chain.map(({ cert }) => new X509Certificate(cert).raw),
    {
      trustedCas: trusted.map(({ cert }) => new X509Certificate(cert)),
      denyList: denyListOf(denied.map(({ cert }) => new X509Certificate(cert).serialNumber)),
    },
    time,
  );
}

function assertAccepted(chain: readonly CertifiedKey[], conditions: Conditions = {}): void {
  const verdict = verdictOf(chain, conditions);
  assert.equal(verdict.kind, "accepted", Deno.inspect(verdict));
}

function assertRefused(
  chain: readonly CertifiedKey[],
  reason: string,
  message: RegExp,
  conditions: Conditions = {},
): void {
  const verdict = verdictOf(chain, conditions);
  assert.ok(verdict.kind === "refused", "It was accepted");
  assert.equal(verdict.reason, reason);
  assert.match(verdict.message, message);
}

function serialOf({ cert }: CertifiedKey): string {
  return new X509Certificate(cert).serialNumber.toLowerCase();
}

Deno.test("A client of an intermediate CA is let in if that one's certificate came along", async () => {
  const { intermediate, client } = await chainBelow();
  assertAccepted([client, intermediate]);
  assertRefused([client], "unknown_ca", /not signed by a CA that is currently trusted$/);
  assertRefused([client, intermediate], "unknown_ca", /is not signed by a trusted CA/, {
    trusted: [await issueAuthority({ commonName: "Root" })],
  });
});

Deno.test("An intermediate CA may be trusted itself, without the one above it", async () => {
  const { intermediate, client } = await chainBelow();
  assertAccepted([client], { trusted: [intermediate] });
  assertAccepted([client, intermediate], { trusted: [intermediate] });
  const other = await chainBelow({ commonName: "Others" });
  assertRefused([other.client, other.intermediate, root], "unknown_ca", /./, {
    trusted: [intermediate],
  });
});

Deno.test("A path goes through several CAs, in any order, past what has nothing to do with it", async () => {
  const upper = await issueAuthority({ commonName: "Upper", issuer: root });
  const lower = await issueAuthority({ commonName: "Lower", issuer: upper });
  const client = await issueClient(lower);
  const stranger = await chainBelow();
  const sent = [root, upper, stranger.client, lower, stranger.intermediate];
  assertAccepted([client, lower, upper]);
  assertAccepted([client, ...sent]);
  assertRefused(
    [client, lower],
    "unknown_ca",
    new RegExp(`${serialOf(lower)} is not signed by a trusted CA`),
  );
});

Deno.test("A path avoids a bad CA where another one has the same key", async () => {
  const { intermediate, client } = await chainBelow();
  const expired = await certify(intermediate, root, NOW - HOUR / 2);
  assertRefused([client, expired], "unknown_ca", /is only valid from .*Z$/);
  assertAccepted([client, expired, intermediate]);
});

const MAY_NOT: readonly (readonly [why: string, Partial<AuthorityRequest>, RegExp])[] = [
  ["is no CA", { ca: false }, /may not sign/],
  ["has no key usage keyCertSign", {
    keyUsages: x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.cRLSign,
  }, /may not sign.*keyCertSign/],
  ["is for servers only", { usages: ["serverAuth"] }, /not for client authentication/],
  ["has expired", { notAfter: new Date(NOW - HOUR / 2) }, /is only valid from .* to /],
  ["is not valid yet", { notBefore: new Date(NOW + HOUR / 2) }, /is only valid from .* to /],
];

for (const [why, request, message] of MAY_NOT) {
  Deno.test(`A client whose intermediate CA ${why} is refused, and told which CA that is`, async () => {
    const { intermediate, client } = await chainBelow(request);
    assertRefused([client, intermediate], "unknown_ca", message);
    assertRefused([client, intermediate], "unknown_ca", new RegExp(serialOf(intermediate)));
  });
}

Deno.test("An intermediate CA may say nothing of its use, or that it is for clients", async () => {
  for (const request of [{ keyUsages: 0 }, { usages: ["serverAuth", "clientAuth"] as const }]) {
    const { intermediate, client } = await chainBelow(request);
    assertAccepted([client, intermediate]);
  }
});

Deno.test("The limits to path lengths of all CAs hold, that of the trusted one too", async () => {
  const upper = await issueAuthority({ commonName: "Upper", issuer: root, pathLength: 0 });
  const lower = await issueAuthority({ commonName: "Lower", issuer: upper });
  assertAccepted([await issueClient(upper), upper]);
  assertRefused(
    [await issueClient(lower), lower, upper],
    "unknown_ca",
    /may have at most 0 intermediate/,
  );

  const strict = await issueAuthority({ commonName: "Strict", pathLength: 0 });
  const below = await issueAuthority({ commonName: "Below", issuer: strict });
  const trusted = [strict];
  assertAccepted([await issueClient(strict)], { trusted });
  const chain = [await issueClient(below), below];
  // Whether it was sent along or not.
  for (const sent of [chain, [...chain, strict]]) {
    const why = `: the trusted CA with serial number ${
      serialOf(strict)
    } may have at most 0 intermediate`;
    assertRefused(sent, "unknown_ca", new RegExp(why), { trusted });
  }
});

Deno.test("A CA that has got another key does not count for the length of the path", async () => {
  const upper = await issueAuthority({ commonName: "Upper", issuer: root, pathLength: 0 });
  const renewed = await issueAuthority({ commonName: "Upper", issuer: upper });
  assertAccepted([await issueClient(renewed), renewed, upper]);
});

Deno.test("A client whose intermediate CA is on the deny list is refused", async () => {
  const { intermediate, client } = await chainBelow();
  assertRefused(
    [client, intermediate],
    "denied",
    new RegExp(`deny list: the intermediate CA with serial number ${serialOf(intermediate)}`),
    { denied: [intermediate] },
  );
  assertRefused([client, intermediate], "denied", /on the deny list$/, { denied: [client] });
});

Deno.test("A path is good until the first of its certificates expires", async () => {
  const end = Math.floor((NOW + HOUR / 2) / 1000) * 1000;
  const { intermediate, client } = await chainBelow({ notAfter: new Date(end) });
  const notAfterOf = (chain: readonly CertifiedKey[], conditions: Conditions = {}) => {
    const verdict = verdictOf(chain, conditions);
    return verdict.kind === "accepted" && verdict.client.notAfter;
  };
  assert.equal(notAfterOf([client, intermediate]), end);
  // The client's own certificate may be the first, and the trusted CA too.
  const brief = await issueClient(intermediate, end - 1000);
  assert.equal(notAfterOf([brief, intermediate]), end - 1000);
  const dying = await certify(root, root, end - 2000);
  assert.equal(notAfterOf([client, intermediate], { trusted: [dying] }), end - 2000);
  // Where two trusted CAs have signed it, the one that lasts longer counts.
  const both = [await certify(intermediate, root, end - 3000), intermediate];
  for (const trusted of [both, both.toReversed()]) {
    assert.equal(notAfterOf([client], { trusted }), end);
  }
  assertAccepted([client, intermediate], { time: end });
  assertRefused([client, intermediate], "unknown_ca", /is only valid from /, { time: end + 1 });
});

Deno.test("A CA that is trusted counts from its first moment to its last", async () => {
  const second = (ms: number) => Math.floor(ms / 1000) * 1000;
  const [begin, end] = [second(NOW - HOUR / 2), second(NOW + HOUR / 2)];
  const ca = await issueAuthority({
    commonName: "Brief",
    notBefore: new Date(begin),
    notAfter: new Date(end),
  });
  const client = await issueClient(ca);
  const trusted = [ca];
  for (const time of [begin, end]) assertAccepted([client], { trusted, time });
  for (const time of [begin - 1, end + 1]) {
    for (const sent of [[client], [client, ca]]) {
      const why =
        /currently trusted: the trusted CA with serial number \w+ is only valid from .*Z$/;
      assertRefused(sent, "unknown_ca", why, { trusted, time });
    }
  }
});

Deno.test("No more than a few certificates of a client are looked at", async () => {
  const { intermediate, client } = await chainBelow();
  const others = Array.from({ length: MAX_SENT_CERTIFICATES - 1 }, () => root);
  assertAccepted([client, ...others, intermediate]);
  assertRefused([client, root, ...others, intermediate], "unknown_ca", /currently trusted$/);
});

Deno.test("CAs that have signed each other make no path, and the search for one ends", async () => {
  const one = await issueAuthority({ commonName: "One" });
  const two = await issueAuthority({ commonName: "Two" });
  const cross = [await certify(one, two), await certify(two, one)];
  assertRefused(
    [await issueClient(one), ...cross, one, two],
    "unknown_ca",
    /is not signed by a trusted CA/,
  );
});

Deno.test("A certificate that cannot be read, or is somebody else's, is passed over", async () => {
  const { intermediate, client } = await chainBelow();
  const [leaf, ca] = [client, intermediate].map(({ cert }) => new X509Certificate(cert).raw);
  assert.ok(leaf && ca);
  const trust = { trustedCas: [new X509Certificate(root.cert)], denyList: denyListOf([]) };
  const garbage = new Uint8Array([0x30, 3, 1, 2, 3]);
  assert.equal(verifyClientCertificate([leaf, garbage, ca], trust, NOW).kind, "accepted");
  // The same name with another key: it has not signed this.
  const impostor = await issueAuthority({ commonName: "Team", issuer: root });
  assertRefused([client, impostor], "unknown_ca", /currently trusted$/);
});
