import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import * as tls from "node:tls";
import { JobWorkerError } from "../../lib/errors.ts";
import { HANDSHAKE_TIMEOUT_MS } from "../../lib/grpc/tls_listener.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { fakeClock } from "../log/log_fixture.ts";
import {
  admin,
  assertAdmitted,
  certificates,
  closed,
  connect,
  fingerprintOf,
  greeting,
  refusalOf,
  server,
  TestListener,
} from "./tls_listener_fixture.ts";

/** Tries with this time, and then with twice as much, and so on: machines differ, and are busy. */
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

Deno.test("TlsListener hands on a client with a good certificate, and its identity", async () => {
  await using fixture = await TestListener.listen();
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

Deno.test("TlsListener ends a connection when its certificate expires", async () => {
  await using fixture = await TestListener.listen();
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

Deno.test("TlsListener checks certificates once an hour and whenever one expires, again and again", async () => {
  await using fixture = await TestListener.listen();
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

Deno.test("TlsListener ends handshakes that take too long", async () => {
  assert.equal(HANDSHAKE_TIMEOUT_MS, 10_000);
  // The handshake by which the listener tries its own material has no longer.
  await using fixture = await patiently(
    500,
    (handshakeTimeoutMs) => TestListener.listen({ handshakeTimeoutMs }).catch(() => null),
  );
  const mute = connectTcp(fixture.port, "127.0.0.1");
  mute.on("error", () => {});
  await once(mute, "close");
  const refusal = await fixture.nextRefusal();
  assert.equal(refusal.reason, "handshake");
  assert.match(refusal.message, /timeout/);
});

Deno.test("TlsListener survives what is not TLS", async () => {
  await using fixture = await TestListener.listen();
  const stranger = connectTcp(fixture.port, "127.0.0.1");
  stranger.on("error", () => {});
  stranger.resume().write("GET / HTTP/1.1\r\n\r\n");
  await once(stranger, "close");
  assert.equal((await fixture.nextRefusal()).reason, "handshake");
  await assertAdmitted(fixture, admin);
});

for (const limit of ["maxConnections", "maxConnectionsPerAddress"] as const) {
  Deno.test(`TlsListener takes as many connections as ${limit} says, and another when one ends`, async () => {
    await using fixture = await TestListener.listen({ [limit]: 1 });
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

Deno.test("TlsListener has half of its connections for one user, and says so of one more", async () => {
  await using fixture = await TestListener.listen({ maxConnections: 8 });
  for (let count = 0; count < 4; count++) {
    assert.equal(await greeting(connect(fixture.port, admin)), "welcome");
  }
  assert.equal(await greeting(connect(fixture.port, admin)), null);
  const { reason, message, fingerprint } = await fixture.nextRefusal();
  assert.equal(reason, "too_many_connections_of_user");
  assert.equal(message, "That user has half of all connections already");
  assert.equal(fingerprint, fingerprintOf(admin));
  await assertAdmitted(fixture, await certificates.material("viewer"));
});

Deno.test("TlsListener listens on IPv6 addresses", async () => {
  await using fixture = await TestListener.listen({ hostname: "::1" });
  assert.equal(fixture.listener.address.hostname, "::1");
  await assertAdmitted(fixture, { ...admin, host: "::1" });
});

Deno.test("TlsListener listens on all addresses, and reports IPv4 peers as such", async () => {
  await using fixture = await TestListener.listen({ hostname: "::" });
  assert.equal((await refusalOf(fixture, {})).reason, "handshake");
  await assertAdmitted(fixture, admin);
});

Deno.test("TlsListener.listen() shares its port if asked to, and else refuses one in use", async () => {
  await using fixture = await TestListener.listen({ reusePort: true });
  {
    await using sharing = await TestListener.listen({ port: fixture.port, reusePort: true });
    assert.equal(sharing.port, fixture.port);
  }
  await assert.rejects(
    TestListener.listen({ port: fixture.port }),
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
      TestListener.listen({ port, material: { ...server, ...bad } }),
      (error) =>
        error instanceof JobWorkerError &&
        /does not answer with our certificate/.test(error.message),
    );
    await using fixture = await TestListener.listen({ port });
    ({ port } = fixture);
  }
});

Deno.test("TlsListener.probe() is not reported, and fails once nobody listens", async () => {
  const fixture = await TestListener.listen();
  await fixture.listener.probe();
  assert.deepEqual(fixture.refusals, []);
  await fixture[Symbol.asyncDispose]();
  await assert.rejects(fixture.listener.probe(), /ECONNREFUSED/);
});

Deno.test("TlsListener, when closed, lets in a client whose handshake is about to end", async () => {
  const fixture = await TestListener.listen();
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

Deno.test("TlsListener, when closed, drops handshakes and leaves alone the clients that it has let in", async () => {
  await using fixture = await TestListener.listen();
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
