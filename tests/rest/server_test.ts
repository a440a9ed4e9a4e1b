import { once } from "node:events";
import * as tls from "node:tls";
import { JobWorkerError } from "../../lib/errors.ts";
import { TlsListener } from "../../lib/grpc/tls_listener.ts";
import { hostsOf } from "../../lib/rest/server.ts";
import { assert } from "../assert.ts";
import { hasOpenConnectionTo } from "../net/open_connection.ts";
import { basic, JOB, JOB_ID, RawConnection, TestRest } from "./fixture.ts";
import { AUTHORIZATION, ca, certificates, HEAD, open, server } from "./server_fixture.ts";

Deno.test("RestServer answers over HTTPS by name and by address", async () => {
  await using rest = await TestRest.listen(certificates, { getJob: () => Promise.resolve(JOB) });
  using client = Deno.createHttpClient({ caCerts: [ca] });
  for (const host of ["localhost", "127.0.0.1"]) {
    const response = await fetch(`https://${host}:${rest.port}/status/${JOB_ID}`, {
      client,
      headers: { Authorization: basic("alice", "secret") },
    });
    assert.equal(response.status, 200);
    assert.equal((await response.json()).jobStatus, "running");
  }
});

Deno.test("RestServer speaks TLS 1.3 and 1.2", async () => {
  await using rest = await TestRest.listen(certificates);
  for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
    await using connection = await open(rest, { minVersion: version, maxVersion: version });
    assert.equal(connection.socket.getProtocol(), version);
  }
});

Deno.test("A session ticket from RestServer does not open the gRPC door", async () => {
  await using rest = await TestRest.listen(certificates);
  const refused = Promise.withResolvers<string>();
  const resumptions: boolean[] = [];
  // What node:tls itself makes of the demand for a certificate, given such a ticket.
  const naive = tls.createServer({ ...server, requestCert: true, rejectUnauthorized: true });
  naive.on("secureConnection", (socket) => {
    resumptions.push(socket.isSessionReused());
    socket.on("error", () => {});
    socket.destroy();
  });
  await once(naive.listen(0, "127.0.0.1"), "listening");
  const address = naive.address();
  assert.ok(typeof address === "object" && address !== null);
  await using grpc = await TlsListener.listen({
    hostname: "127.0.0.1",
    port: 0,
    material: server,
    onConnection: () => assert.fail("It was let in without a certificate"),
    onRefused: ({ reason }) => refused.resolve(reason),
    onError: (error) => assert.fail(error),
  });
  // fetch() keeps the tickets of a host for all of its ports.
  using client = Deno.createHttpClient({ caCerts: [ca], http2: false });
  const visit = (port: number) => fetch(`https://localhost:${port}/health/`, { client });
  const answer = await visit(rest.port);
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
  await assert.rejects(visit(address.port));
  assert.ok(resumptions.length > 0 && resumptions.every((resumed) => resumed), `${resumptions}`);

  await assert.rejects(visit(grpc.address.port));
  assert.match(await refused.promise, /^(no_certificate|handshake)$/);
  const closed = once(naive, "close");
  naive.close();
  await closed;
});

Deno.test("Too large a head is refused, as is what is not HTTP", async () => {
  await using rest = await TestRest.listen(certificates);
  const heads: [string, RegExp][] = [
    [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"a".repeat(17_000)}\r\n\r\n`, /^HTTP\/1.1 431 /],
    [`GET / HTTP/1.1\r\nHost: localhost\r\n${"X: a\r\n".repeat(200)}\r\n`, /^HTTP\/1.1 431 /],
    [
      `GET / HTTP/1.1\r\nHost: localhost\r\n${`X: ${"a".repeat(500)}\r\n`.repeat(40)}\r\n`,
      /^HTTP\/1.1 431 /,
    ],
    [`GET /${"a".repeat(17_000)} HTTP/1.1\r\n`, /^HTTP\/1.1 431 /],
    ["\x16\x03\x01 garbage\r\n\r\n", /^HTTP\/1.1 400 /],
    ["GET / HTTP/1.1\r\n\r\n", /^HTTP\/1.1 400 /],
    ["GET http://evil.test/health/ HTTP/1.1\r\nHost: localhost\r\n\r\n", /^HTTP\/1.1 400 /],
    ["OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", /^HTTP\/1.1 400 /],
    [
      `TRACE /health/ HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`,
      /^HTTP\/1.1 405 [^]*\r\nallow: GET, HEAD\r\n[^]*Cannot TRACE \/health\/: only GET, HEAD/i,
    ],
    [
      `POST /start/ HTTP/1.1\r\n${HEAD}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1.1 400 /,
    ],
    [
      `POST /start/ HTTP/1.1\r\n${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`,
      /^HTTP\/1.1 400 /,
    ],
  ];
  for (const [head, answer] of heads) {
    await using connection = await open(rest);
    connection.socket.write(head);
    await connection.closed;
    assert.match(connection.text, answer, head.slice(0, 40));
  }
});

Deno.test("A body is asked for once the client is known, and read no further than 1 MiB", async () => {
  await using rest = await TestRest.listen(certificates, { startJob: () => Promise.resolve(JOB) });
  const post = (head: string) =>
    `POST /start/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${head}\r\n`;
  const expect = "Expect: 100-continue\r\n";
  {
    await using stranger = await open(rest);
    stranger.socket.write(post(`${expect}Content-Length: 99999999\r\n`));
    await stranger.closed;
    assert.match(stranger.text, /^HTTP\/1.1 401 /);
  }
  {
    await using patient = await open(rest);
    const body = '{"command":"ls"}';
    patient.socket.write(
      post(`${AUTHORIZATION}\r\n${expect}Content-Length: ${body.length}\r\n`),
    );
    await patient.seen(/^HTTP\/1.1 100 Continue\r\n\r\n/);
    patient.socket.write(body.slice(0, 3));
    patient.socket.write(body.slice(3));
    await patient.seen(/HTTP\/1.1 200 OK/);
    assert.equal(patient.text.match(/100 Continue/g)?.length, 1);
  }
  await using greedy = await open(rest);
  greedy.socket.write(post(`${AUTHORIZATION}\r\nTransfer-Encoding: chunked\r\n`));
  const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  for (let count = 0; count < 20; count++) greedy.socket.write(chunk);
  await greedy.seen(/HTTP\/1.1 413 /);
  await greedy.closed;
});

Deno.test("A head may have 100 fields and 16 KiB, its path included, and no more", async () => {
  await using rest = await TestRest.listen(certificates);
  /** The status of a request with so many fields and so many bytes in its path, names and values. */
  const statusOf = async (path: string, fields: number, bytes: number): Promise<string> => {
    const standing = ["Host: localhost", "Connection: close"];
    const names = Array.from({ length: fields - standing.length }, (_, index) => `X-${index}`);
    const used = [path, ...names, "Hostlocalhost", "Connectionclose"].join("").length;
    const share = Math.floor((bytes - used) / names.length);
    const left = bytes - used - share * names.length;
    const lines = names.map((name, index) => `${name}: ${"a".repeat(share + (index ? 0 : left))}`);
    await using connection = await open(rest);
    // In pieces, as from a client that writes field by field.
    for (const line of [`GET ${path} HTTP/1.1`, ...standing, ...lines, ""]) {
      await new Promise((written) => connection.socket.write(`${line}\r\n`, written));
    }
    const [, status = ""] = await connection.seen(/^HTTP\/1.1 (\d+) /);
    return status;
  };
  const path = "/health/";
  assert.equal(await statusOf(path, 100, 2_000), "200");
  assert.equal(await statusOf(path, 101, 2_000), "431");
  const most = 16 * 1024;
  for (const long of [path, `${path}?${"a".repeat(8_000)}`]) {
    assert.equal(await statusOf(long, 40, most - 1), "200");
    assert.equal(await statusOf(long, 40, most + 1), "431");
  }
});

Deno.test("A field that an answer has twice arrives twice", async () => {
  const headers = [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]] as [string, string][];
  await using rest = await TestRest.listen(certificates, {}, {
    answer: () => new Response("", { headers }),
  });
  await using connection = await open(rest);
  connection.socket.write(`GET / HTTP/1.1\r\n${HEAD}\r\n`);
  await connection.seen(/set-cookie: a=1\r\nset-cookie: b=2\r\n[^]*\r\n\r\n/i);
});

Deno.test("A connection serves one request after the other", async () => {
  await using rest = await TestRest.listen(certificates, { getJob: () => Promise.resolve(JOB) });
  await using connection = await open(rest);
  const request = `GET /status/${JOB_ID} HTTP/1.1\r\n${HEAD}\r\n`;
  connection.socket.write(request + request);
  await connection.seen(/(HTTP\/1.1 200 OK[^]*"running"[^]*){2}/);
  connection.socket.write(request.replace("GET", "HEAD"));
  await connection.seen(/(HTTP\/1.1 200 OK[^]*){3}/);
});

for (const cap of ["maxConnections", "maxConnectionsPerAddress"] as const) {
  Deno.test(`RestServer takes as many connections as ${cap} says, and another when one ends`, async () => {
    const service = { getJob: () => Promise.resolve(JOB) };
    await using rest = await TestRest.listen(certificates, service, { [cap]: 1 });
    {
      await using first = await open(rest);
      // Until then it would be dropped for the next one.
      first.socket.write(`GET /status/${JOB_ID} HTTP/1.1\r\n${HEAD}\r\n`);
      await first.seen(/"running"/);
      await assert.rejects(open(rest));
      assert.deepEqual(rest.refusals, ["There are already too many connections"]);
    }
    for (;;) {
      // The server may learn of the end a moment after us.
      const again = await open(rest).catch(() => null);
      await again?.[Symbol.asyncDispose]();
      if (again !== null) break;
    }
  });
}

Deno.test("RestServer reports that a client is turned away before that can notice", async () => {
  const service = { getJob: () => Promise.resolve(JOB) };
  const reports: boolean[] = [];
  await using rest = await TestRest.listen(certificates, service, {
    maxConnections: 1,
    onRefused: ({ peer }) => reports.push(hasOpenConnectionTo(peer)),
  });
  await using first = await open(rest);
  first.socket.write(`GET /status/${JOB_ID} HTTP/1.1\r\n${HEAD}\r\n`);
  await first.seen(/"running"/);
  await assert.rejects(open(rest));
  assert.deepEqual(reports, [true]);
});

Deno.test("RestServer.listen() fails where it cannot serve, and leaves nothing behind", async () => {
  const stranger = await certificates.issue({});
  await using rest = await TestRest.listen(certificates, {}, { reusePort: true });
  await assert.rejects(TestRest.listen(certificates, {}, { port: rest.port }), {
    code: "EADDRINUSE",
  });
  {
    await using sharing = await TestRest.listen(certificates, {}, {
      port: rest.port,
      reusePort: true,
    });
    assert.equal(sharing.port, rest.port);
  }
  for (const bad of [{ key: stranger.key }, { key: "garbage" }]) {
    await assert.rejects(
      TestRest.listen(certificates, {}, { material: { ...server, ...bad } }),
      (error) => error instanceof JobWorkerError && error.code === "failed_precondition",
    );
  }
});

Deno.test("RestServer listens on IPv6 addresses, and on all", async () => {
  for (const hostname of ["::1", "::"]) {
    await using rest = await TestRest.listen(certificates, {}, { hostname });
    await rest.server.probe();
    await using connection = await RawConnection.open(rest.port, { ca, host: "::1" });
    connection.socket.write("GET /health/ HTTP/1.1\r\nHost: [::1]\r\n\r\n");
    await connection.seen(/"ok"/);
  }
});

Deno.test("hostsOf() knows the names and addresses of a certificate", () => {
  const isOurs = hostsOf(server.cert);
  for (const host of ["localhost", "127.0.0.1", "::1", "0.0.0.0"]) {
    assert.equal(isOurs(host), true, host);
  }
  for (const host of ["evil.test", "10.0.0.1", "", "localhost.evil.test", "*"]) {
    assert.equal(isOurs(host), false, host);
  }
});
