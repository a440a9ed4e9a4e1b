import { assert } from "../assert.ts";
import { Flood, networks } from "../flood.ts";
import { until } from "../worker/fixture.ts";
import { JOB, JOB_ID, RawConnection, TestRest } from "./fixture.ts";
import { ca, certificates, HEAD, open } from "./server_fixture.ts";

const REQUEST = `GET /status/${JOB_ID} HTTP/1.1\r\n${HEAD}\r\n`;
const ANSWER = /HTTP\/1.1 200 OK[^]*"running"/;

/** A connection from that address, and not from the usual one. */
function openFrom(rest: TestRest, localAddress: string): Promise<RawConnection> {
  const options = { ca, localAddress };
  return RawConnection.open(rest.port, options);
}

Deno.test("RestServer serves whoever has a password while fifty networks without one keep coming", async () => {
  await using rest = await TestRest.listen(
    certificates,
    { getJob: () => Promise.resolve(JOB) },
    { maxConnections: 256, maxConnectionsPerAddress: 128, deadlines: { idleMs: 60_000 } },
  );
  await using early = await open(rest);
  early.socket.write(REQUEST);
  await early.seen(ANSWER);
  await using _flood = await Flood.start({
    port: rest.port,
    addresses: networks(50),
    connectionsOfEach: 2,
  });
  const refused = (why: RegExp) =>
    until(() => Promise.resolve(rest.refusals.some((message) => why.test(message))));
  await refused(/too many connections/i);
  for (const localAddress of ["127.200.0.1", "127.0.1.99"]) {
    await using late = await openFrom(rest, localAddress);
    late.socket.write(REQUEST);
    await late.seen(ANSWER);
    await rest.server.probe();
  }
  await refused(/Too many connections from that address have failed/);
  early.socket.write(REQUEST);
  await early.seen(/(HTTP\/1.1 200 OK[^]*){2}/);
  assert.equal(early.socket.closed, false);
});

Deno.test("RestServer drops a connection without a login for one from elsewhere, and none that has had one", async () => {
  // Three connections of strangers in all, one of each address.
  const [maxConnections, deadlines] = [12, { idleMs: 60_000 }];
  await using rest = await TestRest.listen(
    certificates,
    { getJob: () => Promise.resolve(JOB) },
    { maxConnections, deadlines },
  );
  const from = (localAddress: string) => openFrom(rest, localAddress);
  await using known = await from("127.0.1.1");
  known.socket.write(REQUEST);
  await known.seen(ANSWER);
  await using healthy = await from("127.0.1.2");
  healthy.socket.write("GET /health/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await healthy.seen(/"ok"/);
  await using _next = await from("127.0.1.2");
  await healthy.closed;
  await using wrong = await from("127.0.1.3");
  wrong.socket.write(`GET /status/${JOB_ID} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await wrong.seen(/HTTP\/1.1 401 /);
  await using _other = await from("127.0.1.3");
  await wrong.closed;
  known.socket.write(REQUEST);
  await known.seen(/(HTTP\/1.1 200 OK[^]*){2}/);
});
