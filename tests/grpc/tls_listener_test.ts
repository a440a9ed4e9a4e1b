import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import * as https from "node:https";
import { type AddressInfo, connect as connectTcp } from "node:net";
import * as tls from "node:tls";
import type { ClientCertificate } from "../../lib/auth/client_certificate.ts";
import type { Credentials } from "../../lib/auth/issue_certificate.ts";
import { denyListOf } from "../../lib/auth/deny_list.ts";
import { x509 } from "../../lib/auth/x509.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import {
  HANDSHAKE_TIMEOUT_MS,
  type RefusedConnection,
  TlsListener,
  type TlsListenerOptions,
} from "../../lib/grpc/tls_listener.ts";
import { formatHostPort } from "../../lib/net/host_port.ts";
import { assert } from "../assert.ts";
import { issueAuthority, issueCa, TestCertificates } from "../certificates.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { soon } from "../soon.ts";
import { fakeClock } from "../log/log_fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());
const server = await certificates.material("server");
const admin = await certificates.material("client");

/** A listener that greets whom it lets in, and what it has said. */
class Fixture implements AsyncDisposable {
  readonly clients: ClientCertificate[] = [];
  readonly sockets: tls.TLSSocket[] = [];
  readonly refusals: RefusedConnection[] = [];
  #listener: TlsListener | undefined;
  #onRefusal = Promise.withResolvers<void>();

  static async listen(options: Partial<TlsListenerOptions> = {}): Promise<Fixture> {
    const fixture = new Fixture();
    fixture.#listener = await TlsListener.listen({
      hostname: "127.0.0.1",
      port: 0,
      material: server,
      onConnection: (socket, client) => {
        fixture.sockets.push(socket);
        fixture.clients.push(client);
        socket.write("welcome");
      },
      onRefused: (refusal) => {
        fixture.refusals.push(refusal);
        fixture.#onRefusal.resolve();
        fixture.#onRefusal = Promise.withResolvers();
      },
      onError: (error) => {
        throw error;
      },
      ...options,
    });
    return fixture;
  }

  get listener(): TlsListener {
    assert.ok(this.#listener);
    return this.#listener;
  }

  get port(): number {
    return this.listener.address.port;
  }

  /** The next refusal that nobody has taken yet. */
  async nextRefusal(): Promise<RefusedConnection> {
    while (this.refusals.length === 0) {
      await soon(this.#onRefusal.promise, () => "a connection that is refused");
    }
    const refusal = this.refusals.shift();
    assert.ok(refusal);
    return refusal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener[Symbol.asyncDispose]();
    for (const socket of this.sockets) await closed(socket, () => socket.destroy());
  }
}

function connect(port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ca: certificates.ca.cert,
    ALPNProtocols: ["h2"],
    ...options,
  });
  socket.on("error", () => {});
  return socket;
}

/** What the listener says first; `null` if it hangs up instead. */
async function greeting(socket: tls.TLSSocket): Promise<string | null> {
  const answer = Promise.withResolvers<string | null>();
  socket.once("data", (data) => answer.resolve(String(data)));
  socket.once("close", () => answer.resolve(null));
  return await soon(answer.promise, () => "a greeting, or the end of the connection");
}

async function closed(socket: tls.TLSSocket, act: () => void = () => {}): Promise<void> {
  if (socket.closed) return;
  const close = once(socket, "close");
  act();
  await soon(close, () => "the end of a connection");
}

/** Connects, asserts that it is let in, and leaves again. */
async function assertAdmitted(fixture: Fixture, options: tls.ConnectionOptions): Promise<void> {
  const socket = connect(fixture.port, options);
  assert.equal(await greeting(socket), "welcome");
  await closed(socket, () => socket.destroy());
}

/** Connects, asserts that it is turned away, and returns what the listener had to say about it. */
async function refusalOf(
  fixture: Fixture,
  options: tls.ConnectionOptions,
): Promise<RefusedConnection> {
  assert.equal(await greeting(connect(fixture.port, options)), null);
  const refusal = await fixture.nextRefusal();
  assert.match(refusal.peer, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(fixture.clients, []);
  return refusal;
}

function fingerprintOf({ cert }: { readonly cert: string }): string {
  return new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();
}

/** What works in so short a time, or in twice as much: machines differ, and are busy. */
async function patiently<T>(
  firstMs: number,
  attempt: (ms: number) => Promise<T | null>,
): Promise<T> {
  for (let ms = firstMs; ms < 100_000; ms *= 2) {
    const result = await attempt(ms);
    if (result !== null) return result;
  }
  return assert.fail(`Not in 100 s either: ${attempt}`);
}

Deno.test("TlsListener hands on a client with a good certificate, and who it is", async () => {
  await using fixture = await Fixture.listen();
  const socket = connect(fixture.port, admin);
  assert.equal(await greeting(socket), "welcome");
  assert.equal(socket.alpnProtocol, "h2");
  assert.equal(socket.getProtocol(), "TLSv1.3");
  assert.deepEqual(fixture.clients.map(({ identity }) => identity), [
    { user: "admin", roles: ["admin"] },
  ]);
  assert.equal(fixture.clients[0]?.fingerprint, fingerprintOf(admin));
  assert.deepEqual(fixture.refusals, []);
  await closed(socket, () => socket.destroy());
});

Deno.test("TlsListener refuses a client without a certificate", async () => {
  await using fixture = await Fixture.listen();
  const refusal = await refusalOf(fixture, {});
  assert.equal(refusal.reason, "handshake");
  assert.match(refusal.message, /sent no certificates/);
});

Deno.test("TlsListener refuses certificates that the TLS stack does not accept", async () => {
  const otherCa = await issueCa();
  const past = new Date(Date.now() - 60_000);
  const refused: Record<string, Partial<Credentials>> = {
    "of another CA": await certificates.issue({ issuer: otherCa }),
    "of another CA by the same name": await certificates.issue({
      issuer: await issueCa("Job Worker CA"),
    }),
    "expired": await certificates.issue({ notAfter: past }),
    "not valid yet": await certificates.issue({ notBefore: new Date(Date.now() + 3_600_000) }),
    "for servers only": await certificates.issue({ usages: ["serverAuth"] }),
  };
  await using fixture = await Fixture.listen();
  for (const [which, credentials] of Object.entries(refused)) {
    assert.equal((await refusalOf(fixture, credentials)).reason, "handshake", which);
  }
});

Deno.test("TlsListener says in words what is wrong with a certificate", async () => {
  const root = await issueAuthority({ commonName: "Root" });
  const below = await certificates.issue({ issuer: root });
  await using fixture = await Fixture.listen();
  const told: [Partial<Credentials>, RegExp][] = [
    [root, /is signed by itself, as that of a CA is: a client needs one/],
    [{ ...below, cert: below.cert + root.cert }, /does not lead to a CA that is trusted here/],
    [below, /does not lead to a CA that is trusted here/],
  ];
  for (const [credentials, words] of told) {
    const { message } = await refusalOf(fixture, credentials);
    assert.match(message, words);
    assert.doesNotMatch(message, /[A-Z]{2,}_/);
  }
});

Deno.test("TlsListener refuses certificates that the TLS stack accepts", async () => {
  await using fixture = await Fixture.listen();
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
  await using fixture = await Fixture.listen();
  const old: tls.ConnectionOptions = { ...admin, maxVersion: "TLSv1.2" };
  assert.equal((await refusalOf(fixture, old)).reason, "handshake");
  await assertAdmitted(fixture, admin);
});

Deno.test("TlsListener refuses who comes without a certificate, by the ticket of another server", async () => {
  await using fixture = await Fixture.listen();
  // What node:tls itself makes of the same demands.
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
  // One at least, for fetch() may try again.
  assert.ok(resumptions.length > 0 && resumptions.every((resumed) => resumed), `${resumptions}`);

  await assert.rejects(visit(fixture.port));
  assert.equal((await fixture.nextRefusal()).reason, "no_certificate");
  assert.deepEqual(fixture.clients, []);
});

Deno.test("TlsListener refuses who resumes a session that began where the certificate was good", async () => {
  await using fixture = await Fixture.listen();
  await using denying = await Fixture.listen({ denyList: denyListOf([fingerprintOf(admin)]) });
  // The stack would refuse a new session with this CA file; that it gets as far as us is the point.
  const { cert } = await issueCa();
  const trustedCas = [new X509Certificate(cert)];
  await using distrusting = await Fixture.listen({ material: { ...server, ca: cert, trustedCas } });
  using client = Deno.createHttpClient({
    caCerts: [certificates.ca.cert],
    cert: admin.cert,
    key: admin.key,
  });
  // Listeners of one process take the tickets of each other, and a client knows servers by name.
  const visit = ({ port }: Fixture) =>
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
  await using fixture = await Fixture.listen({ material });
  const { serialNumber } = new X509Certificate(team.cert);
  await using denying = await Fixture.listen({ material, denyList: denyListOf([serialNumber]) });

  const alice = await certificates.issue({ issuer: team });
  const bare = await refusalOf(fixture, alice);
  assert.equal(bare.reason, "handshake");
  assert.match(bare.message, /intermediate one must send that one's certificate along$/);
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
  const visit = ({ port }: Fixture) =>
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

Deno.test("TlsListener takes an intermediate CA in its CA file for one that is trusted", async () => {
  const root = await issueAuthority({ commonName: "Root" });
  const team = await issueAuthority({ commonName: "Team", issuer: root });
  const trustedCas = [new X509Certificate(team.cert)];
  await using fixture = await Fixture.listen({
    material: { ...server, ca: team.cert, trustedCas },
  });
  const above = await certificates.issue({ issuer: root });
  assert.equal((await refusalOf(fixture, above)).reason, "handshake");
  await assertAdmitted(fixture, await certificates.issue({ issuer: team }));
});

Deno.test("TlsListener ends a connection when its certificate expires", async () => {
  await using fixture = await Fixture.listen();
  const lasting = connect(fixture.port, admin);
  assert.equal(await greeting(lasting), "welcome");
  const brief = await patiently(2500, async (ms) => {
    const notAfter = new Date(Date.now() + ms);
    const socket = connect(fixture.port, await certificates.issue({ notAfter }));
    return await greeting(socket) === "welcome" ? socket : null;
  });
  await closed(brief);
  assert.equal((await fixture.nextRefusal()).reason, "expired");
  assert.equal(lasting.closed, false);
  await closed(lasting, () => lasting.destroy());
});

Deno.test("TlsListener looks at certificates once an hour and whenever one expires, again and again", async () => {
  await using fixture = await Fixture.listen();
  using timers = new FakeTimers();
  const startsAt = Math.floor(Date.now() / 1000) * 1000;
  using clock = fakeClock(startsAt);
  // The last one lives for longer than until the next look, and then the clock is set forward.
  const ends = [1, 2, 90].map((minutes) => startsAt + minutes * 60_000);
  for (const end of ends) {
    const certificate = await certificates.issue({ notAfter: new Date(end) });
    assert.equal(await greeting(connect(fixture.port, certificate)), "welcome");
  }
  for (const end of ends) {
    const ms = Math.min(end + 1 - clock.now, 3_600_000);
    clock.now = end + 1;
    timers.pass(ms - 1);
    assert.deepEqual(fixture.refusals, []);
    timers.pass(1);
    assert.deepEqual(fixture.refusals.splice(0).map(({ reason }) => reason), ["expired"]);
  }
});

Deno.test("TlsListener ends handshakes that do not come to an end", async () => {
  assert.equal(HANDSHAKE_TIMEOUT_MS, 10_000);
  // Its own handshake, by which it tries the material, has no longer.
  await using fixture = await patiently(
    500,
    (handshakeTimeoutMs) => Fixture.listen({ handshakeTimeoutMs }).catch(() => null),
  );
  const mute = connectTcp(fixture.port, "127.0.0.1");
  mute.on("error", () => {});
  await once(mute, "close");
  const refusal = await fixture.nextRefusal();
  assert.equal(refusal.reason, "handshake");
  assert.match(refusal.message, /timeout/);
});

Deno.test("TlsListener survives what is not TLS", async () => {
  await using fixture = await Fixture.listen();
  const stranger = connectTcp(fixture.port, "127.0.0.1");
  stranger.on("error", () => {});
  stranger.resume().write("GET / HTTP/1.1\r\n\r\n");
  await once(stranger, "close");
  assert.equal((await fixture.nextRefusal()).reason, "handshake");
  await assertAdmitted(fixture, admin);
});

for (const limit of ["maxConnections", "maxConnectionsPerAddress"] as const) {
  Deno.test(`TlsListener takes as many connections as ${limit} says, and another when one ends`, async () => {
    await using fixture = await Fixture.listen({ [limit]: 1 });
    const first = connect(fixture.port, admin);
    assert.equal(await greeting(first), "welcome");
    const second = connect(fixture.port, admin);
    assert.equal(await greeting(second), null);
    assert.equal((await fixture.nextRefusal()).reason, "too_many_connections");
    const [accepted] = fixture.sockets;
    assert.ok(accepted);
    await closed(accepted, () => first.destroy());
    await assertAdmitted(fixture, admin);
    assert.deepEqual(fixture.refusals, []);
  });
}

Deno.test("TlsListener listens on IPv6 addresses", async () => {
  await using fixture = await Fixture.listen({ hostname: "::1" });
  assert.equal(fixture.listener.address.hostname, "::1");
  await assertAdmitted(fixture, { ...admin, host: "::1" });
});

Deno.test("TlsListener listens on all addresses, and reports IPv4 peers as such", async () => {
  await using fixture = await Fixture.listen({ hostname: "::" });
  assert.equal((await refusalOf(fixture, {})).reason, "handshake");
  await assertAdmitted(fixture, admin);
});

Deno.test("TlsListener.listen() shares its port if asked to, and else refuses one in use", async () => {
  await using fixture = await Fixture.listen({ reusePort: true });
  {
    await using sharing = await Fixture.listen({ port: fixture.port, reusePort: true });
    assert.equal(sharing.port, fixture.port);
  }
  await assert.rejects(
    Fixture.listen({ port: fixture.port }),
    (error) =>
      error instanceof JobWorkerError && error.reason === "EADDRINUSE" &&
      error.message.includes(`127.0.0.1:${fixture.port}`),
  );
});

Deno.test("TlsListener.listen() fails, and leaves nothing behind, if it cannot shake hands", async () => {
  const stranger = await certificates.issue({});
  let port = 0;
  for (const bad of [{ key: stranger.key }, { key: "garbage" }, { cert: stranger.cert }]) {
    await assert.rejects(
      Fixture.listen({ port, material: { ...server, ...bad } }),
      (error) =>
        error instanceof JobWorkerError &&
        /does not answer with our certificate/.test(error.message),
    );
    await using fixture = await Fixture.listen({ port });
    ({ port } = fixture);
  }
});

Deno.test("TlsListener.probe() is no news, and fails once nobody listens", async () => {
  const fixture = await Fixture.listen();
  await fixture.listener.probe();
  assert.deepEqual(fixture.refusals, []);
  await fixture[Symbol.asyncDispose]();
  await assert.rejects(fixture.listener.probe(), /ECONNREFUSED/);
});

Deno.test("TlsListener, when closed, lets in whose handshake is about to end", async () => {
  const fixture = await Fixture.listen();
  const late = connectTcp(fixture.port, "127.0.0.1");
  await once(late, "connect");
  // By the time that this one is in, the listener has seen the late one too.
  await assertAdmitted(fixture, admin);
  const ended = fixture[Symbol.asyncDispose]();
  const socket = tls.connect({
    socket: late,
    servername: "localhost",
    ALPNProtocols: ["h2"],
    ...admin,
  });
  socket.on("error", () => {});
  assert.equal(await greeting(socket), "welcome");
  socket.destroy();
  await ended;
});

Deno.test("TlsListener, when closed, drops handshakes and leaves alone whom it has let in", async () => {
  await using fixture = await Fixture.listen();
  const admitted = connect(fixture.port, admin);
  assert.equal(await greeting(admitted), "welcome");
  const mute = connectTcp(fixture.port, "127.0.0.1");
  mute.on("error", () => {});
  await once(mute, "connect");
  // By the time that this one is in, the listener has seen the mute one too.
  await assertAdmitted(fixture, admin);

  const dropped = once(mute, "close");
  await fixture.listener[Symbol.asyncDispose]();
  await dropped;
  const [socket] = fixture.sockets;
  const answer = greeting(admitted);
  socket?.write("still here");
  assert.equal(await answer, "still here");
  await closed(admitted, () => admitted.destroy());
});

Deno.test("formatHostPort() writes addresses so that they can be pasted", () => {
  assert.equal(formatHostPort("127.0.0.1", 80), "127.0.0.1:80");
  assert.equal(formatHostPort("::ffff:10.0.0.1", 80), "10.0.0.1:80");
  assert.equal(formatHostPort("fe80::1", 80), "[fe80::1]:80");
  assert.equal(formatHostPort("worker.example", 80), "worker.example:80");
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
