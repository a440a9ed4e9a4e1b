import { X509Certificate } from "node:crypto";
import { createServer as createTcpServer, type Server } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { Channel } from "../../lib/grpc/channel.ts";
import { type ClientMaterial, connect } from "../../lib/grpc/client.ts";
import { endpointOf } from "../../lib/grpc/endpoint.ts";
import { issueAuthority, issueCa, TestCertificates } from "../certificates.ts";
import { soon } from "../soon.ts";
import { rejection } from "../worker/fixture.ts";
import { JOB, TestServer } from "./fixture.ts";

/**
 * Without the checks for what a test leaves behind: grpc-js lets the pause after a failed attempt run
 * out, 100 ms here, even if the channel has been closed. It keeps no process alive.
 */
function test(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

/** Listens on a free port until it is disposed of. */
async function listen(server: Server): Promise<{ port: number } & AsyncDisposable> {
  const connections = new Set<{ destroy(): void }>();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => void server.listen(0, "0.0.0.0", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Something that speaks TLS with a certificate of one's choice, and is no daemon. */
function listenTls(options: TlsOptions) {
  return listen(
    createTlsServer({ ALPNProtocols: ["h2"], ...options }).on("tlsClientError", () => {}),
  );
}

/** Connecting fails with this reason, and a message that has the address and these words. */
async function assertUnreachable(
  address: string,
  material: ClientMaterial,
  reason: string,
  words: RegExp,
): Promise<void> {
  await assert.rejects(
    connect({ address, ...material, connectTimeoutMs: 2000 }),
    (error: Error) => {
      const { code, reason: actual } = error as Error & { code: string; reason: string };
      assert.deepEqual([code, actual], ["unavailable", reason], error.message);
      assert.ok(error.message.startsWith(`Cannot connect to the daemon at ${address}: `));
      assert.match(error.message, words);
      return true;
    },
  );
}

test("connect() reaches a daemon by name and by IP address, 0.0.0.0 and IPv6 included", async () => {
  await using server = await TestServer.start(
    { getJob: () => Promise.resolve(JOB) },
    { hostname: "::" },
  );
  for (const host of ["localhost", "127.0.0.1", "0.0.0.0", "[::1]"]) {
    await using client = await server.connect({ address: `${host}:${server.port}` });
    assert.deepEqual(await client.getJob({ jobId: JOB.jobId }), JOB, host);
  }
});

test("connect() tells that nothing listens, or that there is no such host", async () => {
  await using certificates = await TestCertificates.create();
  const material = await certificates.material("client");
  const { port } = await (async () => {
    await using closed = await listen(createTcpServer());
    return closed;
  })();
  const none = /nothing listens there/;
  await assertUnreachable(`127.0.0.1:${port}`, material, "ECONNREFUSED", none);
  const unknown = /the name of the host is unknown/;
  await assertUnreachable(`no-such-host.invalid:${port}`, material, "ENOTFOUND", unknown);
});

/** Takes no connection: the kernel does, for as many as wait to be taken. */
function heldPort(tcpBacklog?: number): Deno.TcpListener {
  const backlog = tcpBacklog === undefined ? {} : { tcpBacklog };
  return Deno.listen({ hostname: "127.0.0.1", port: 0, ...backlog });
}

test("connect() tells a daemon that does not answer yet from an address that does not", async () => {
  await using certificates = await TestCertificates.create();
  const material = await certificates.material("client");
  const reasonOf = async ({ addr: { port } }: Deno.TcpListener) => {
    const address = `127.0.0.1:${port}`;
    const error = await rejection(connect({ address, ...material, connectTimeoutMs: 100 }));
    assert.ok(error instanceof JobWorkerError && error.code === "unavailable");
    return [error.reason, error.message.replace(/^.*:\d+: /, "")];
  };
  using silent = heldPort();
  assert.deepEqual(await reasonOf(silent), [
    "SILENT",
    "it accepts connections, but does not answer yet",
  ]);
  // Once the queue is full, the kernel answers no other connection.
  using full = heldPort(1);
  const { port } = full.addr;
  await using waiting = new AsyncDisposableStack();
  for (let count = 0; count < 2; count++) {
    waiting.use(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
  assert.deepEqual(await reasonOf(full), ["TIMEOUT", "no answer"]);
});

test("connect() waits for a daemon whose socket is held while it starts", async () => {
  await using server = await TestServer.start({ getJob: () => Promise.resolve(JOB) });
  using held = heldPort();
  const started = Promise.withResolvers<void>();
  let silences = 0;
  const served = (async () => {
    await started.promise;
    for await (const connection of held) {
      const upstream = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      void connection.readable.pipeTo(upstream.writable).catch(() => {});
      void upstream.readable.pipeTo(connection.writable).catch(() => {});
    }
  })();
  await using client = await server.connect({
    address: `127.0.0.1:${held.addr.port}`,
    connectTimeoutMs: 100,
    silenceTimeoutMs: 30_000,
    onSilence: (error) => {
      assert.match(error.message, /accepts connections, but does not answer yet/);
      silences++;
      setTimeout(started.resolve, 1_500);
    },
  });
  assert.deepEqual(await client.getJob({ jobId: JOB.jobId }), JOB);
  assert.equal(silences, 1);
  held.close();
  await served;
});

test("connect() keeps to the time that it is given, and a call to its own", async () => {
  await using certificates = await TestCertificates.create();
  const { ca, cert, key } = await certificates.material("client");
  using silent = heldPort();
  const address = `127.0.0.1:${silent.addr.port}`;
  const startedAt = performance.now();
  await assert.rejects(connect({ address, ca, cert, key, connectTimeoutMs: 100 }), {
    code: "unavailable",
  });
  // The default is 10 s.
  assert.ok(performance.now() - startedAt < 9_000);
  const patient = { connectTimeoutMs: 100, silenceTimeoutMs: 1, onSilence: () => silences++ };
  let silences = 0;
  // The timeout does not begin anew with each attempt.
  const silence = assert.rejects(connect({ address, ca, cert, key, ...patient }), {
    code: "unavailable",
    reason: "SILENT",
  });
  await soon(silence, () => "who is silent to be given up", 20_000);
  assert.equal(silences, 1);
  using channel = new Channel(endpointOf(address, { ca, cert, key }), {
    connectTimeoutMs: 3_600_000,
  });
  const waits: number[] = [];
  const { setTimeout } = globalThis;
  Object.assign(globalThis, {
    setTimeout: (run: () => void, ms: number) => (waits.push(ms), setTimeout(run, ms)),
  });
  const outOfTime = assert.rejects(channel.ready({ deadline: Date.now() + 100 }), {
    code: "deadline_exceeded",
  });
  await outOfTime.finally(() => Object.assign(globalThis, { setTimeout }));
  // Finding out why does not take longer either.
  assert.deepEqual(waits.filter((ms) => ms > 500 && ms <= 1_000), []);
});

test("connect() refuses a daemon whose certificate is not good", async (t) => {
  await using certificates = await TestCertificates.create();
  const material = await certificates.material("client");
  const serve = async (request: Parameters<TestCertificates["issue"]>[0]) => {
    const usages = ["serverAuth"] as const;
    const { cert, key } = await certificates.issue({ usages, hosts: ["localhost"], ...request });
    return await listenTls({ cert, key });
  };

  await t.step("from another CA", async () => {
    await using daemon = await serve({ issuer: await issueCa() });
    const words = /was not issued by the CA that is trusted here/;
    const reason = "SERVER_CERTIFICATE_UNTRUSTED";
    await assertUnreachable(`localhost:${daemon.port}`, material, reason, words);
  });
  await t.step("expired, or not yet valid", async () => {
    const now = Date.now();
    for (const [from, to] of [[-2, -1], [1, 2]] as const) {
      const notBefore = new Date(now + from * 3_600_000);
      const notAfter = new Date(now + to * 3_600_000);
      await using daemon = await serve({ notBefore, notAfter });
      const reason = "SERVER_CERTIFICATE_EXPIRED";
      await assertUnreachable(`localhost:${daemon.port}`, material, reason, /has expired/);
    }
  });
  await t.step("for another name, or another IP address", async () => {
    await using daemon = await serve({ hosts: ["other.example", "10.1.2.3", "127.0.0.2"] });
    for (const host of ["localhost", "127.0.0.1", "0.0.0.0"]) {
      const address = `${host}:${daemon.port}`;
      await assertUnreachable(address, material, "SERVER_NAME_MISMATCH", /is for another host/);
    }
  });
  await t.step("for a name only, when the address is an IP", async () => {
    await using daemon = await serve({ hosts: ["localhost"] });
    const address = `127.0.0.1:${daemon.port}`;
    await assertUnreachable(address, material, "SERVER_NAME_MISMATCH", /is for another host/);
  });
});

test("connect() speaks nothing but HTTP/2, and tells what listens there, whether or not that minds", async () => {
  await using certificates = await TestCertificates.create();
  const { ca, cert, key } = await certificates.material("client");
  for (const ALPNProtocols of [["http/1.1"], []]) {
    await using server = await listenTls({
      ...await certificates.issue({ usages: ["serverAuth"], hosts: ["localhost"] }),
      ALPNProtocols,
    });
    const address = `localhost:${server.port}`;
    await assertUnreachable(address, { ca, cert, key }, "NOT_GRPC", /HTTPS.* and not gRPC/);
  }
});

test("connect() tells that what listens there does not speak TLS", async () => {
  await using certificates = await TestCertificates.create();
  const { ca, cert, key } = await certificates.material("client");
  await using server = await listen(
    createTcpServer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    }),
  );
  const address = `localhost:${server.port}`;
  await assertUnreachable(address, { ca, cert, key }, "NOT_TLS", /does not speak TLS/);
});

test("connect() tells that the daemon refuses the client certificate, and asks it once only", async () => {
  // By name it has two addresses.
  await using server = await TestServer.start({}, { hostname: "::" });
  const { certificates, port } = server;
  const { ca } = await certificates.material("client");
  const hour = 3_600_000;
  const refused = await Promise.all([
    certificates.issue({ issuer: await issueCa() }),
    certificates.issue({ usages: ["serverAuth"] }),
    certificates.issue({
      notBefore: new Date(Date.now() - 2 * hour),
      notAfter: new Date(Date.now() - hour),
    }),
  ]);
  for (const { cert, key } of refused) {
    const reason = "CLIENT_CERTIFICATE_REFUSED";
    const words = /it refuses the client certificate/;
    await assertUnreachable(`localhost:${port}`, { ca, cert, key }, reason, words);
  }
  await server.stop();
  assert.deepEqual(server.refusals.map(({ reason }) => reason), refused.map(() => "handshake"));
});

test("connect() asks a daemon once only whose certificate is for another host", async () => {
  await using server = await TestServer.start({});
  const address = `127.0.0.2:${server.port}`;
  const material = await server.certificates.material("client");
  await assertUnreachable(address, material, "SERVER_NAME_MISMATCH", /is for another host/);
  await server.stop();
  assert.equal(server.refusals.length, 1);
});

test("JobWorkerClient does not go on to connect to a daemon that refuses it", async () => {
  await using first = await TestServer.start({});
  const { port, certificates } = first;
  await using client = await first.connect();
  await first.stop();
  const material = await certificates.material("server");
  const { cert: ca } = await issueCa();
  await using second = await TestServer.start({}, {
    port,
    certificates,
    material: { ...material, ca, trustedCas: [new X509Certificate(ca)] },
  });
  const error = await rejection(client.getJob({ jobId: JOB.jobId }));
  assert.ok(error instanceof JobWorkerError);
  assert.equal(error.reason, "CLIENT_CERTIFICATE_REFUSED");
  await second.stop();
  // A daemon that died just then would look the same once.
  assert.equal(second.refusals.length, 2);
});

test("connect() speaks nothing older than TLS 1.3", async () => {
  await using certificates = await TestCertificates.create();
  const { ca, cert, key } = await certificates.material("client");
  const material = await certificates.material("server");
  await using other = await listenTls({
    ...{ cert: material.cert, key: material.key },
    maxVersion: "TLSv1.2",
  });
  const address = `localhost:${other.port}`;
  // What the stack says, where we have no words of our own.
  await assertUnreachable(
    address,
    { ca, cert, key },
    "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    /alert/i,
  );
});

test("connect() refuses an address that is none", async () => {
  const material = { ca: "", cert: "", key: "" };
  await assert.rejects(connect({ address: "localhost", ...material }), {
    code: "invalid_argument",
  });
});

test("JobWorkerClient finds its daemon again after an idle time without one", async () => {
  await using first = await TestServer.start({});
  const { port, certificates } = first;
  await using client = await first.connect({ reconnectTimeoutMs: 200 });
  await first.stop();
  await assert.rejects(client.getJob({ jobId: JOB.jobId }), {
    code: "unavailable",
    reason: "ECONNREFUSED",
  });
  await using _second = await TestServer.start(
    { getJob: () => Promise.resolve(JOB) },
    { port, certificates },
  );
  assert.deepEqual(await client.getJob({ jobId: JOB.jobId }), JOB);
});

test("Both sides may have certificates of intermediate CAs, in one file with their keys", async () => {
  const spoil = (pem: string) => `some text\r\n${pem.replaceAll("\n", " \r\n")}`;
  const root = await issueAuthority({ commonName: "Root" });
  await using certificates = await TestCertificates.create();
  const directory = certificates.directory;
  const fileOf = async (name: string, options: Parameters<TestCertificates["issue"]>[0]) => {
    const issuer = await issueAuthority({ commonName: name, issuer: root });
    const { cert, key } = await certificates.issue({ ...options, issuer });
    const path = `${directory}/${name}.pem`;
    await Deno.writeTextFile(path, spoil(key + cert + issuer.cert), { mode: 0o600 });
    return path;
  };
  const ca = `${directory}/root.pem`;
  await Deno.writeTextFile(ca, spoil(root.cert));
  const server = await fileOf("server", { usages: ["serverAuth"], hosts: ["127.0.0.1"] });
  const client = await fileOf("client", {});
  const material = await loadTlsMaterial({ cert: server, key: server, ca }, "server");
  await using daemon = await TestServer.start({ getJob: () => Promise.resolve(JOB) }, {
    certificates,
    material,
  });
  const address = `127.0.0.1:${daemon.port}`;
  const own = await loadTlsMaterial({ cert: client, key: client, ca }, "client");
  const raw = await Deno.readTextFile(client);
  // As the CLI reads them, and as a library is given them.
  for (const { ca, cert, key } of [own, { ca: spoil(root.cert), cert: raw, key: raw }]) {
    await using connection = await connect({ address, ca, cert, key });
    assert.equal((await connection.getJob({ jobId: JOB.jobId })).jobId, JOB.jobId);
  }
});

test("A server that does not send its intermediate CA is not trusted", async () => {
  const root = await issueAuthority({ commonName: "Root" });
  const issuer = await issueAuthority({ commonName: "Team", issuer: root });
  await using certificates = await TestCertificates.create();
  const { cert, key } = await certificates.issue({
    issuer,
    usages: ["serverAuth"],
    hosts: ["127.0.0.1"],
  });
  const { cert: mine, key: myKey } = await certificates.issue({});
  await using server = await listenTls({ cert, key });
  await assertUnreachable(
    `127.0.0.1:${server.port}`,
    { ca: root.cert, cert: mine, key: myKey },
    "SERVER_CERTIFICATE_UNTRUSTED",
    /was not issued by the CA that is trusted here/,
  );
});
