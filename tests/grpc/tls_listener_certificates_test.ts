import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import type { CertifiedKey } from "../../lib/auth/issue_certificate.ts";
import { denyListOf } from "../../lib/auth/deny_list.ts";
import { x509 } from "../../lib/auth/x509.ts";
import { assert } from "../assert.ts";
import { issueAuthority, issueCa } from "../certificates.ts";
import {
  admin,
  assertAdmitted,
  certificates,
  fingerprintOf,
  refusalOf,
  server,
  TestListener,
} from "./tls_listener_fixture.ts";

Deno.test("TlsListener refuses a client without a certificate", async () => {
  await using fixture = await TestListener.listen();
  const refusal = await refusalOf(fixture, {});
  assert.equal(refusal.reason, "handshake");
  assert.match(refusal.message, /sent no certificates/);
});

Deno.test("TlsListener refuses certificates that the TLS stack does not accept", async () => {
  const otherCa = await issueCa();
  const past = new Date(Date.now() - 60_000);
  const refused: Record<string, Partial<CertifiedKey>> = {
    "of another CA": await certificates.issue({ issuer: otherCa }),
    "of another CA by the same name": await certificates.issue({
      issuer: await issueCa("Job Worker CA"),
    }),
    "expired": await certificates.issue({ notAfter: past }),
    "not valid yet": await certificates.issue({ notBefore: new Date(Date.now() + 3_600_000) }),
    "for servers only": await certificates.issue({ usages: ["serverAuth"] }),
  };
  await using fixture = await TestListener.listen();
  for (const [which, credentials] of Object.entries(refused)) {
    assert.equal((await refusalOf(fixture, credentials)).reason, "handshake", which);
  }
});

Deno.test("TlsListener says in words what is wrong with a certificate", async () => {
  const root = await issueAuthority({ commonName: "Root" });
  const below = await certificates.issue({ issuer: root });
  await using fixture = await TestListener.listen();
  const told: [Partial<CertifiedKey>, RegExp][] = [
    [root, /is self-signed, as that of a CA is; a client needs one/],
    [{ ...below, cert: below.cert + root.cert }, /does not chain to a CA that is trusted here/],
    [below, /does not chain to a CA that is trusted here/],
  ];
  for (const [credentials, words] of told) {
    const { message } = await refusalOf(fixture, credentials);
    assert.match(message, words);
    assert.doesNotMatch(message, /[A-Z]{2,}_/);
  }
});

Deno.test("TlsListener refuses certificates that the TLS stack accepts", async () => {
  await using fixture = await TestListener.listen();
  const refused = {
    is_ca: certificates.ca,
    no_client_auth: await certificates.issue({ usages: [] }),
    bad_common_name: await certificates.issue({ subject: [["O", "admin"], ["CN", "root\nx"]] }),
  };
  for (const [reason, credentials] of Object.entries(refused)) {
    const refusal = await refusalOf(fixture, { cert: credentials.cert, key: credentials.key });
    assert.equal(refusal.reason, reason);
    assert.equal(refusal.fingerprint, fingerprintOf(credentials));
  }
});

Deno.test("TlsListener refuses TLS 1.2", async () => {
  await using fixture = await TestListener.listen();
  const old: tls.ConnectionOptions = { ...admin, maxVersion: "TLSv1.2" };
  assert.equal((await refusalOf(fixture, old)).reason, "handshake");
  await assertAdmitted(fixture, admin);
});

Deno.test("TlsListener refuses a client without a certificate that has a ticket of another server", async () => {
  await using fixture = await TestListener.listen();
  // A server of node:tls with the same demands, for comparison.
  const resumptions: boolean[] = [];
  const naive = tls.createServer({
    ...server,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["h2"],
  });
  naive.on("secureConnection", (socket) => {
    resumptions.push(socket.isSessionReused());
    assert.equal(socket.getPeerX509Certificate(), undefined);
    socket.on("error", () => {});
    socket.destroy();
  });
  const open = https.createServer(server, (_request, response) => response.end("ticket"));
  await using _servers = await listening(naive, open);

  // fetch() keeps the tickets of a host for all of its ports.
  using client = Deno.createHttpClient({ caCerts: [certificates.ca.cert] });
  const visit = (port: number) => fetch(`https://localhost:${port}/`, { client });
  assert.equal(await (await visit(portOf(open))).text(), "ticket");

  await assert.rejects(visit(portOf(naive)));
  // At least one: fetch() may try again.
  assert.ok(resumptions.length > 0 && resumptions.every((resumed) => resumed), `${resumptions}`);

  await assert.rejects(visit(fixture.port));
  assert.equal((await fixture.nextRefusal()).reason, "no_certificate");
  assert.deepEqual(fixture.clients, []);
});

Deno.test("TlsListener refuses to resume a session that began where the certificate was good", async () => {
  await using fixture = await TestListener.listen();
  await using denying = await TestListener.listen({ denyList: denyListOf([fingerprintOf(admin)]) });
  // The stack would refuse a new session with this CA file. The point is that a resumed one gets as far as us.
  const { cert } = await issueCa();
  const trustedCas = [new X509Certificate(cert)];
  await using distrusting = await TestListener.listen({
    material: { ...server, ca: cert, trustedCas },
  });
  using client = Deno.createHttpClient({
    caCerts: [certificates.ca.cert],
    cert: admin.cert,
    key: admin.key,
  });
  // Listeners of one process take the tickets of each other, and a client knows servers by name.
  const visit = ({ port }: TestListener) =>
    assert.rejects(fetch(`https://localhost:${port}/`, { client }));
  await visit(fixture);
  await visit(fixture);
  assert.equal(fixture.sockets.at(-1)?.isSessionReused(), true);
  assert.equal(fixture.clients.at(-1)?.identity.user, "admin");

  await visit(denying);
  assert.equal(denying.refusals.at(-1)?.reason, "denied");
  await visit(distrusting);
  assert.equal(distrusting.refusals.at(-1)?.reason, "unknown_ca");
  assert.deepEqual([...denying.clients, ...distrusting.clients], []);
});

Deno.test("TlsListener follows the chain that a client sends, on resumed sessions too", async () => {
  const root = await issueAuthority({ commonName: "Root" });
  const team = await issueAuthority({ commonName: "Team", issuer: root });
  const mute = await issueAuthority({
    commonName: "Mute",
    issuer: root,
    keyUsages: x509.KeyUsageFlags.digitalSignature,
  });
  const trustedCas = [new X509Certificate(root.cert)];
  const material = { ...server, ca: root.cert, trustedCas };
  await using fixture = await TestListener.listen({ material });
  const { serialNumber } = new X509Certificate(team.cert);
  await using denying = await TestListener.listen({
    material,
    denyList: denyListOf([serialNumber]),
  });

  const alice = await certificates.issue({ issuer: team });
  const bare = await refusalOf(fixture, alice);
  assert.equal(bare.reason, "handshake");
  assert.match(
    bare.message,
    /intermediate CA issued it, the client must send that CA's certificate too$/,
  );
  const bob = await certificates.issue({ issuer: mute });
  const unfit = await refusalOf(fixture, { cert: bob.cert + mute.cert, key: bob.key });
  assert.equal(unfit.reason, "unknown_ca");
  assert.match(unfit.message, /may not sign certificates/);
  assert.equal(unfit.fingerprint, fingerprintOf(bob));

  using client = Deno.createHttpClient({
    caCerts: [certificates.ca.cert],
    cert: alice.cert + team.cert,
    key: alice.key,
  });
  const visit = ({ port }: TestListener) =>
    assert.rejects(fetch(`https://localhost:${port}/`, { client }));
  await visit(fixture);
  await visit(fixture);
  assert.equal(fixture.sockets.at(-1)?.isSessionReused(), true);
  assert.equal(fixture.clients.at(-1)?.fingerprint, fingerprintOf(alice));
  assert.deepEqual(fixture.refusals, []);

  await visit(denying);
  assert.equal(denying.refusals.at(-1)?.reason, "denied");
  assert.match(denying.refusals.at(-1)?.message ?? "", /the intermediate CA with serial number/);
  assert.deepEqual(denying.clients, []);
});

Deno.test("TlsListener trusts an intermediate CA that is in its CA file", async () => {
  const root = await issueAuthority({ commonName: "Root" });
  const team = await issueAuthority({ commonName: "Team", issuer: root });
  const trustedCas = [new X509Certificate(team.cert)];
  await using fixture = await TestListener.listen({
    material: { ...server, ca: team.cert, trustedCas },
  });
  const above = await certificates.issue({ issuer: root });
  assert.equal((await refusalOf(fixture, above)).reason, "handshake");
  await assertAdmitted(fixture, await certificates.issue({ issuer: team }));
});

function portOf(server: tls.Server): number {
  return (server.address() as AddressInfo).port;
}

async function listening(...servers: (tls.Server | https.Server)[]): Promise<AsyncDisposable> {
  for (const server of servers) await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        if (server instanceof https.Server) server.closeAllConnections();
        const close = once(server, "close");
        server.close();
        await close;
      }
    },
  };
}
