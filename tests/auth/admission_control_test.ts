import { once } from "node:events";
import { Socket } from "node:net";
import { AdmissionControl } from "../../lib/auth/admission_control.ts";
import { assert } from "../assert.ts";

/** A connection from there, as far as it is looked at; a byte of it has been read. */
function from(remoteAddress: string, remotePort = 1, bytesRead = 1): Socket {
  return Object.defineProperties(new Socket(), {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: remotePort },
    bytesRead: { value: bytesRead },
  });
}

async function close(socket: Socket): Promise<void> {
  const closed = once(socket, "close");
  socket.destroy();
  await closed;
}

/** Admission by a clock that the test sets, and the peers that it has dropped. */
class Fixture {
  now = 0;
  readonly control: AdmissionControl;
  readonly #dropped: string[] = [];

  constructor(maxConnections: number, maxConnectionsPerAddress = maxConnections) {
    this.control = new AdmissionControl({
      maxConnections,
      maxConnectionsPerAddress,
      onDropped: ({ remoteAddress, remotePort }) =>
        this.#dropped.push(`${remoteAddress}:${remotePort}`),
      now: () => this.now,
    });
  }

  /** Whom it has dropped since the last look. */
  dropped(): string[] {
    return this.#dropped.splice(0);
  }

  /** Takes so many strangers from there, by ports in the order of their arrival. */
  strangers(address: string, count: number): Socket[] {
    return Array.from({ length: count }, (_, index) => {
      const socket = from(address, index + 1);
      assert.equal(this.control.admit(socket), null);
      return socket;
    });
  }

  /** Takes one from there of a user, by default of one who has no other. */
  known(address: string, port = 1, user = `${address} ${port}`): Socket {
    const socket = from(address, port);
    assert.equal(this.control.admit(socket), null);
    assert.equal(this.control.authenticated(socket, user), null);
    return socket;
  }
}

Deno.test("AdmissionControl drops the oldest stranger of a source, of a network, and of all", () => {
  // 8 strangers in all, 4 from a network, 2 from a source.
  const fixture = new Fixture(16);
  fixture.strangers("192.0.2.1", 3);
  assert.deepEqual(fixture.dropped(), ["192.0.2.1:1"]);
  fixture.strangers("192.0.2.2", 1);
  fixture.strangers("192.0.2.3", 1);
  assert.deepEqual(fixture.dropped(), []);
  fixture.strangers("192.0.2.4", 1);
  assert.deepEqual(fixture.dropped(), ["192.0.2.1:2"]);
  fixture.strangers("198.51.100.1", 1);
  fixture.strangers("198.51.100.2", 1);
  fixture.strangers("203.0.113.1", 2);
  assert.deepEqual(fixture.dropped(), []);
  // The network that has the most loses one, however old those of others are.
  fixture.strangers("10.0.0.1", 1);
  assert.deepEqual(fixture.dropped(), ["192.0.2.1:3"]);
});

Deno.test("AdmissionControl counts an IPv6 network as one source, and IPv4 alike in both forms", () => {
  const fixture = new Fixture(16);
  fixture.strangers("2001:db8:0:7::1", 1);
  fixture.strangers("2001:db8::7:0:0:0:2", 1);
  fixture.strangers("2001:db8:0:8::3", 1);
  assert.deepEqual(fixture.dropped(), []);
  fixture.strangers("2001:db8:0:7:ffff::3", 1);
  assert.deepEqual(fixture.dropped(), ["2001:db8:0:7::1:1"]);
  fixture.strangers("2001:db8:0:9::4", 1);
  assert.deepEqual(fixture.dropped(), []);
  fixture.strangers("2001:db8:0:a::5", 1);
  assert.deepEqual(fixture.dropped(), ["2001:db8::7:0:0:0:2:1"]);
  fixture.strangers("192.0.2.1", 2);
  assert.equal(fixture.control.admit(from("::ffff:192.0.2.1", 3)), null);
  assert.deepEqual(fixture.dropped(), ["192.0.2.1:1"]);
});

Deno.test("AdmissionControl keeps a newcomer from elsewhere, however many come after it", () => {
  const fixture = new Fixture(400);
  const networks = Array.from({ length: 50 }, (_, network) => `10.0.${network}.1`);
  for (const address of networks) fixture.strangers(address, 4);
  const newcomer = from("192.0.2.1");
  assert.equal(fixture.control.admit(newcomer), null);
  assert.deepEqual(fixture.dropped(), ["10.0.0.1:1"]);
  for (let port = 5; port < 15; port++) {
    for (const address of networks) fixture.control.admit(from(address, port));
  }
  const dropped = fixture.dropped();
  assert.equal(dropped.length, 500);
  assert.ok(!dropped.includes("192.0.2.1:1"));
  assert.equal(fixture.control.authenticated(newcomer, "alice"), null);
});

Deno.test("AdmissionControl drops strangers last where somebody has proven who they are", async () => {
  const fixture = new Fixture(16);
  await close(fixture.known("192.0.2.1"));
  // The source that has the most, the network that has the most, and the oldest.
  fixture.strangers("192.0.2.1", 2);
  for (let network = 0; network < 100; network++) fixture.strangers(`10.0.${network}.1`, 1);
  for (let host = 2; host < 100; host++) fixture.strangers(`192.0.2.${host}`, 1);
  const dropped = fixture.dropped();
  assert.equal(dropped.length, 2 + 100 + 98 - 8);
  assert.ok(!dropped.some((peer) => peer.startsWith("192.0.2.1:")));
  // Its own limit holds.
  assert.equal(fixture.control.admit(from("192.0.2.1", 3)), null);
  assert.deepEqual(fixture.dropped(), ["192.0.2.1:1"]);
});

Deno.test("AdmissionControl drops nobody who has proven who they are, and keeps an eighth for those who will", async () => {
  const fixture = new Fixture(16);
  const known = Array.from({ length: 14 }, (_, host) => fixture.known(`192.0.2.${host}`));
  assert.equal(fixture.control.admit(from("192.0.2.99")), "too_many_connections");
  await close(known.pop() ?? new Socket());
  for (let host = 0; host < 20; host++) fixture.strangers(`10.0.${host}.1`, 1);
  // There is room for three of them beside thirteen others.
  assert.equal(fixture.dropped().length, 17);
  assert.ok(known.every(({ destroyed }) => !destroyed));
  fixture.known("198.51.100.1");
});

Deno.test("AdmissionControl bounds what one source has, whether it is known or a stranger's", async () => {
  const fixture = new Fixture(80, 3);
  const known = [1, 2, 3].map((port) => fixture.known("192.0.2.1", port));
  assert.equal(fixture.control.admit(from("192.0.2.1", 4)), "too_many_connections");
  assert.equal(fixture.control.admit(from("192.0.2.2", 4)), null);
  await close(known[0] ?? new Socket());
  // Two arrive while there is room for one.
  const [first, second] = [from("192.0.2.1", 5), from("192.0.2.1", 6)];
  for (const socket of [first, second]) assert.equal(fixture.control.admit(socket), null);
  assert.equal(fixture.control.authenticated(first, "alice"), null);
  assert.equal(fixture.control.authenticated(first, "alice"), null, "it may be said again");
  assert.equal(fixture.control.authenticated(second, "alice"), "too_many_connections");
  fixture.strangers("198.51.100.1", 4);
  assert.deepEqual(fixture.dropped(), ["198.51.100.1:1"]);
});

Deno.test("AdmissionControl bounds what one user has, wherever it comes from, and lets others in", async () => {
  const fixture = new Fixture(16);
  const alices = Array.from(
    { length: 8 },
    (_, host) => fixture.known(`192.0.${host}.1`, 1, "alice"),
  );
  const ninth = from("198.51.100.1");
  assert.equal(fixture.control.admit(ninth), null);
  assert.equal(fixture.control.authenticated(ninth, "alice"), "too_many_connections_of_user");
  await close(ninth);
  fixture.known("198.51.100.1", 2, "bob");
  await close(alices[0] ?? new Socket());
  fixture.known("198.51.100.1", 3, "alice");
});

Deno.test("AdmissionControl tells connections apart that come from one port to several of its addresses", async () => {
  const fixture = new Fixture(16);
  const to = (localAddress: string) =>
    Object.defineProperty(from("192.0.2.1"), "localAddress", { value: localAddress });
  const [first, second] = [to("10.0.0.1"), to("10.0.0.2")];
  for (const socket of [first, second]) assert.equal(fixture.control.admit(socket), null);
  assert.equal(fixture.control.authenticated(first, "alice"), null);
  await close(second);
  // Only the stranger has gone, so that there is room for two.
  fixture.strangers("192.0.2.1", 2);
  assert.deepEqual(fixture.dropped(), []);
  assert.equal(first.destroyed, false);
});

Deno.test("AdmissionControl counts a connection once whose port is used again before it knows of the end", async () => {
  const fixture = new Fixture(16);
  const [ended, again] = [from("192.0.2.1"), from("192.0.2.1")];
  for (const socket of [ended, again]) assert.equal(fixture.control.admit(socket), null);
  await close(ended);
  assert.equal(fixture.control.authenticated(again, "alice"), null);
  await close(again);
  fixture.strangers("192.0.2.1", 2);
  assert.deepEqual(fixture.dropped(), []);
});

/** Ends so many connections of strangers from there, one after the other. */
async function fail(
  fixture: Fixture,
  address: string,
  times: number,
  { bytesRead = 1, act = () => {} }: { bytesRead?: number; act?: (socket: Socket) => void } = {},
): Promise<void> {
  for (let time = 0; time < times; time++) {
    const socket = from(address, 1, bytesRead);
    assert.equal(fixture.control.admit(socket), null, `${time}`);
    act(socket);
    await close(socket);
  }
}

Deno.test("AdmissionControl refuses a source whose connections have failed fifteen times, for fifteen seconds", async () => {
  const fixture = new Fixture(16);
  const refusal = () => fixture.control.admit(from("192.0.2.1"));
  await fail(fixture, "192.0.2.1", 15);
  fixture.now += 14_999;
  // Who shares the address with them may be lucky.
  assert.deepEqual(Array.from({ length: 11 }, refusal), [
    ...Array(9).fill("too_many_failures"),
    null,
    "too_many_failures",
  ]);
  // Nobody else is, not even next door.
  fixture.strangers("192.0.2.2", 1);
  fixture.now += 1;
  assert.equal(refusal(), null);
});

Deno.test("AdmissionControl refuses a source for a minute at most", async () => {
  const fixture = new Fixture(1024);
  // They all came before the first of them failed.
  await Promise.all(fixture.strangers("192.0.2.1", 100).map(close));
  fixture.now += 59_999;
  assert.equal(fixture.control.admit(from("192.0.2.1")), "too_many_failures");
  fixture.now += 1;
  assert.equal(fixture.control.admit(from("192.0.2.1")), null);
});

Deno.test("AdmissionControl refuses nobody who fails once a second, as a check of the port may", async () => {
  const fixture = new Fixture(16);
  for (let second = 0; second < 100; second++) {
    await fail(fixture, "192.0.2.1", 1);
    fixture.now += 1000;
  }
});

Deno.test("AdmissionControl takes for no failure who leaves at once without a byte, or was of use", async () => {
  const fixture = new Fixture(16);
  await fail(fixture, "192.0.2.1", 50, { bytesRead: 0 });
  await fail(fixture, "192.0.2.1", 50, { act: (socket) => fixture.control.excuse(socket) });
});

Deno.test("AdmissionControl takes for a failure who stays and says nothing, or was dropped", async () => {
  const fixture = new Fixture(1024);
  const idle = Array.from({ length: 15 }, (_, port) => from("192.0.2.1", port, 0));
  for (const socket of idle) assert.equal(fixture.control.admit(socket), null);
  fixture.now += 1000;
  await Promise.all(idle.map(close));
  assert.equal(fixture.control.admit(from("192.0.2.1")), "too_many_failures");
  // 128 from one source are not too many.
  for (let port = 0; port < 128 + 15; port++) fixture.control.admit(from("192.0.2.2", port, 0));
  assert.equal(fixture.dropped().length, 15);
  assert.equal(fixture.control.admit(from("192.0.2.2")), "too_many_failures");
});

Deno.test("AdmissionControl refuses no source from which somebody has proven who they are, for a day", async () => {
  const fixture = new Fixture(16);
  await fail(fixture, "192.0.2.1", 14);
  await close(fixture.known("192.0.2.1"));
  await fail(fixture, "192.0.2.1", 100);
  fixture.now += 24 * 3_600_000;
  await assert.rejects(fail(fixture, "192.0.2.1", 100), /too_many_failures/);
});

Deno.test("AdmissionControl ends all connections but those of some peers", async () => {
  const fixture = new Fixture(16);
  const [spared, known, stranger] = [
    fixture.known("2001:db8::1"),
    fixture.known("192.0.2.1", 2),
    ...fixture.strangers("192.0.2.2", 1),
  ];
  const closed = [known, stranger].map((socket) => socket && once(socket, "close"));
  fixture.control.end(new Set(["[2001:db8::1]:1"]));
  await Promise.all(closed);
  assert.equal(spared?.destroyed, false);
  assert.deepEqual(fixture.dropped(), []);
});
