import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import * as tls from "node:tls";
import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { TlsListener } from "../../lib/grpc/tls_listener.ts";
import { hostsOf, REST_DEADLINES } from "../../lib/rest/server.ts";
import type { CallContext, LogBatch } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { basic, batchOf, JOB, JOB_ID, RawConnection, recordOf, TestRest } from "./fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());
const server = await certificates.material("server");
const ca = certificates.ca.cert;

const AUTHORIZATION = `Authorization: ${basic("alice", "secret")}`;
const HEAD = `Host: localhost\r\n${AUTHORIZATION}\r\n`;

const open = (rest: TestRest, options: tls.ConnectionOptions = {}) =>
  RawConnection.open(rest.port, { ca, ...options });

/** A log that a follower waits for, and the signals of those who do. */
function silentLog() {
  const followed = Promise.withResolvers<AbortSignal>();
  const streamLogs = async function* (
    { follow }: { follow: boolean },
    { signal }: CallContext,
  ): AsyncGenerator<LogBatch> {
    yield batchOf([]);
    if (!follow) return;
    followed.resolve(signal);
    await abortable(new Promise<never>(() => {}), signal);
  };
  return { streamLogs, followed: followed.promise };
}

async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, "abort");
  return signal.reason;
}

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

Deno.test("T-02: a session ticket from RestServer does not open the gRPC door", async () => {
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

/** Clients that do not come to the point, by the deadline that ends them, with what they are told. */
const SLOW_CLIENTS: Record<string, (rest: TestRest) => Promise<string>> = {
  async handshakeMs(rest) {
    const mute = connectTcp(rest.port, "127.0.0.1");
    mute.on("error", () => {});
    await once(mute.resume(), "close");
    return "";
  },
  async headersMs(rest) {
    await using idle = await open(rest);
    await idle.closed;
    await using slowHead = await open(rest);
    const trickle = setInterval(() => slowHead.socket.write("A"), 10);
    slowHead.socket.write("GET /health/ HTTP/1.1\r\nX-Slow: ");
    await slowHead.closed.finally(() => clearInterval(trickle));
    return slowHead.text.slice(0, 13);
  },
  async requestMs(rest) {
    await using slowBody = await open(rest);
    slowBody.socket.write(
      `POST /start/ HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n`,
    );
    const drip = setInterval(() => slowBody.socket.write(" "), 10);
    await slowBody.closed.finally(() => clearInterval(drip));
    return slowBody.text.slice(0, 13);
  },
  async idleMs(rest) {
    await using keptAlive = await open(rest);
    keptAlive.socket.write("GET /health/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await keptAlive.seen(/"ok"/);
    await keptAlive.closed;
    return keptAlive.text.slice(0, 13);
  },
};

const TOLD = {
  handshakeMs: "",
  headersMs: "HTTP/1.1 408 ",
  requestMs: "HTTP/1.1 408 ",
  idleMs: "HTTP/1.1 200 ",
};

for (const [deadline, client] of Object.entries(SLOW_CLIENTS)) {
  Deno.test(`R-03: ${deadline} alone cuts a client off that does not come to the point`, async () => {
    const others = {
      handshakeMs: 3_600_000,
      headersMs: 3_600_000,
      requestMs: 3_600_000,
      closeMs: 0,
    };
    await using rest = await TestRest.listen(certificates, {}, {
      deadlines: {
        ...others,
        idleMs: 3_600_000,
        // The head is a part of the request.
        ...(deadline === "requestMs" && { headersMs: 100 }),
        [deadline]: deadline === "handshakeMs" ? 500 : 100,
      },
    });
    const told = await soon(client(rest), () => `${deadline} to be over`);
    assert.equal(told, TOLD[deadline as keyof typeof TOLD]);
  });
}

Deno.test("R-03: a client has seconds for each step, unless something else is said", () => {
  assert.deepEqual(REST_DEADLINES, {
    handshakeMs: 10_000,
    headersMs: 10_000,
    requestMs: 30_000,
    idleMs: 15_000,
    closeMs: 3_000,
  });
});

Deno.test("R-03: a long answer is not cut off by the deadlines of requests", async () => {
  const { streamLogs } = silentLog();
  await using rest = await TestRest.listen(certificates, { streamLogs }, {
    deadlines: { headersMs: 40, requestMs: 60, idleMs: 40 },
    heartbeatMs: 10,
  });
  await using connection = await open(rest);
  connection.socket.write(`GET /v1/jobs/${JOB_ID}/logs?follow=1 HTTP/1.1\r\n${HEAD}\r\n`);
  // The heart beats at most a hundred times in a second.
  await connection.seen(/(:\n\n[^:]*){30}/);
});

Deno.test("R-04: too large a head is refused, as is what is not HTTP", async () => {
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

Deno.test("R-04: a body is asked for once the client is known, and read no further than 1 MiB", async () => {
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

Deno.test("R-04: a head may have 100 fields and 16 KiB, its path included, and no more", async () => {
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

Deno.test("R-09: a client that leaves ends its call at once", async () => {
  const began = Promise.withResolvers<AbortSignal>();
  const { streamLogs, followed } = silentLog();
  await using rest = await TestRest.listen(certificates, {
    streamLogs,
    async getJob(_request, { signal }) {
      began.resolve(signal);
      return await abortable(new Promise<never>(() => {}), signal);
    },
  });
  for (
    const [path, signal] of [
      [`/v1/jobs/${JOB_ID}`, began.promise],
      [`/v1/jobs/${JOB_ID}/logs?follow=1`, followed],
    ] as const
  ) {
    const connection = await open(rest);
    connection.socket.write(`GET ${path} HTTP/1.1\r\n${HEAD}\r\n`);
    const call = await signal;
    await connection[Symbol.asyncDispose]();
    const reason = await aborted(call);
    assert.ok(reason instanceof JobWorkerError || reason instanceof DOMException);
  }
  // In the middle of its body.
  const half = await open(rest);
  half.socket.write(
    `POST /start/ HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
  );
  await half[Symbol.asyncDispose]();
});

Deno.test("A HEAD request for a log that is followed leaves no reader behind", async () => {
  const signals: AbortSignal[] = [];
  let closed = false;
  const streamLogs = async function* (
    _request: unknown,
    { signal }: CallContext,
  ): AsyncGenerator<LogBatch> {
    signals.push(signal);
    try {
      yield await Promise.resolve(batchOf([recordOf(0, "text")]));
      await abortable(new Promise<never>(() => {}), signal);
    } finally {
      closed = true;
    }
  };
  await using rest = await TestRest.listen(certificates, { streamLogs });
  await using connection = await open(rest);
  connection.socket.write(`HEAD /v1/jobs/${JOB_ID}/logs?follow=1 HTTP/1.1\r\n${HEAD}\r\n`);
  await connection.seen(/text\/event-stream[^]*\r\n\r\n/);
  await until(() => Promise.resolve(closed));
  // The connection is still there: it is the answer that has ended.
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true]);
  assert.equal(connection.socket.closed, false);
});

Deno.test("A client that has left before the answer begins has little of it made, and lets go of the log", async () => {
  const called = Promise.withResolvers<void>();
  const begin = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  let made = 0;
  const streamLogs = async function* (
    _request: unknown,
    { signal }: CallContext,
  ): AsyncGenerator<LogBatch> {
    signal.addEventListener("abort", () => left.resolve());
    called.resolve();
    await begin.promise;
    try {
      while (made < 1000) yield await Promise.resolve(batchOf([recordOf(made++, "x")]));
    } finally {
      ended.resolve();
    }
  };
  await using rest = await TestRest.listen(certificates, { streamLogs });
  await using connection = await open(rest);
  connection.socket.write(`GET /v1/jobs/${JOB_ID}/logs HTTP/1.1\r\n${HEAD}\r\n`);
  await soon(called.promise, () => "the call");
  connection.socket.destroy();
  await soon(left.promise, () => "the call to be told");
  begin.resolve();
  await soon(ended.promise, () => "the log to be let go of", 20_000);
  assert.ok(made < 10, `${made} batches`);
});

Deno.test("R-09: a client that vanishes without a word is missed by the kernel", async () => {
  await using rest = await TestRest.listen(certificates);
  await using connection = await open(rest);
  const hex = (port = 0) => port.toString(16).toUpperCase().padStart(4, "0");
  const { localPort } = connection.socket;
  // See proc_net_tcp(5): the timer of kind 2, which is due within half a minute.
  const line = new RegExp(`:${hex(rest.port)} \\w+:${hex(localPort)} 01 \\S+ 02:(\\w+)`);
  // Others run for as long as something is on its way.
  const [, jiffies = ""] = await until(async () =>
    line.exec(await Deno.readTextFile("/proc/net/tcp")) ?? false
  );
  assert.ok(parseInt(jiffies, 16) <= 30 * 100, jiffies);
});

Deno.test("A reader that stalls is waited for, and nothing piles up", async () => {
  const piece = new Uint8Array(256 * 1024);
  let made = 0;
  let stalled = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const streamLogs = async function* (): AsyncGenerator<LogBatch> {
    for (;;) {
      // Unless somebody asks for more.
      clearTimeout(timer);
      timer = setTimeout(() => stalled.resolve(), 100);
      yield await Promise.resolve(batchOf([{ ...recordOf(made, ""), data: piece }]));
      made += piece.length;
    }
  };
  await using rest = await TestRest.listen(certificates, { streamLogs });
  // Not node:tls: under Deno that reads on although it is paused.
  const connection = await Deno.connectTls({
    hostname: "localhost",
    port: rest.port,
    caCerts: [ca],
  });
  const request = `GET /v1/jobs/${JOB_ID}/logs HTTP/1.1\r\n${HEAD}\r\n`;
  await connection.write(new TextEncoder().encode(request));
  await stalled.promise;
  // What the kernel holds for both sides, and little of ours.
  assert.ok(made < 16 * 1024 * 1024, `${made} bytes were made`);
  const goal = made + 16 * piece.length;
  stalled = Promise.withResolvers();
  const buffer = new Uint8Array(64 * 1024);
  while (made < goal) await connection.read(buffer);
  connection.close();
  await stalled.promise;
});

Deno.test("An answer that breaks off is not taken for whole", async () => {
  const streamLogs = async function* (): AsyncGenerator<LogBatch> {
    yield batchOf([recordOf(0, "half")]);
    throw await Promise.resolve(new JobWorkerError("data_loss", "The log is damaged"));
  };
  await using rest = await TestRest.listen(certificates, { streamLogs });
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const response = await fetch(`https://localhost:${rest.port}/v1/jobs/${JOB_ID}/logs`, {
    client,
    headers: { Authorization: basic("alice", "secret") },
  });
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
});

for (const cap of ["maxConnections", "maxConnectionsPerAddress"] as const) {
  Deno.test(`RestServer takes as many connections as ${cap} says, and another when one ends`, async () => {
    await using rest = await TestRest.listen(certificates, {}, { [cap]: 1 });
    {
      await using _first = await open(rest);
      await assert.rejects(open(rest));
      assert.deepEqual(rest.refusals, ["There are too many connections already"]);
    }
    for (;;) {
      // The server may learn of the end a moment after us.
      const again = await open(rest).catch(() => null);
      await again?.[Symbol.asyncDispose]();
      if (again !== null) break;
    }
  });
}

Deno.test("RestServer.close() tells followers to come back, and lets the others finish", async () => {
  const asked = Promise.withResolvers<void>();
  const job = Promise.withResolvers<typeof JOB>();
  const { streamLogs, followed } = silentLog();
  await using rest = await TestRest.listen(certificates, {
    streamLogs,
    getJob(_request, { signal }) {
      asked.resolve();
      return abortable(job.promise, signal);
    },
    // Those who are waited for are not cut off meanwhile.
  }, { deadlines: { closeMs: 0 } });
  await using follower = await open(rest);
  follower.socket.write(`GET /v1/jobs/${JOB_ID}/logs?follow=1 HTTP/1.1\r\n${HEAD}\r\n`);
  await using caller = await open(rest);
  caller.socket.write(`GET /status/${JOB_ID} HTTP/1.1\r\n${HEAD}\r\n`);
  await using _idle = await open(rest);
  await Promise.all([followed, asked.promise]);

  const closed = rest.server.close({ drainTimeoutMs: 10_000 });
  await follower.seen(/event: problem\ndata: .*"code":"unavailable"/);
  await assert.rejects(rest.server.probe(), /ECONNREFUSED/);
  job.resolve(JOB);
  await caller.seen(/"running"/);
  await soon(closed, () => "the last connection to be closed");
});

Deno.test("RestServer.close() ends what turns out to be open-ended only then", async () => {
  const asked = Promise.withResolvers<void>();
  const proceeding = Promise.withResolvers<void>();
  await using rest = await TestRest.listen(certificates, {}, {
    async answer({ signal }, { openEnded }) {
      asked.resolve();
      await proceeding.promise;
      openEnded();
      return await abortable(new Promise<never>(() => {}), signal);
    },
  });
  await using follower = await open(rest);
  follower.socket.write(`GET / HTTP/1.1\r\n${HEAD}\r\n`);
  await asked.promise;
  const closed = rest.server.close({ drainTimeoutMs: 3_600_000 });
  proceeding.resolve();
  await soon(closed, () => "the follower to be ended");
});

Deno.test("RestServer.close() does not wait for calls that take too long", async () => {
  const began = Promise.withResolvers<AbortSignal>();
  await using rest = await TestRest.listen(certificates, {
    async getJob(_request, { signal }) {
      began.resolve(signal);
      return await abortable(new Promise<never>(() => {}), signal);
    },
  });
  await using caller = await open(rest);
  caller.socket.write(`GET /status/${JOB_ID} HTTP/1.1\r\n${HEAD}\r\n`);
  await began.promise;
  await rest.server.close();
  await caller.closed;
  assert.match(caller.text, /^HTTP\/1.1 503 /);
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
