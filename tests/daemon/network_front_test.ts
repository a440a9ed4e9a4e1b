import { once } from "node:events";
import { connect } from "node:net";
import * as tls from "node:tls";
import { readCredentials } from "../../lib/daemon/credentials.ts";
import { NetworkFront, type NetworkFrontOptions } from "../../lib/daemon/network_front.ts";
import { GrpcServer } from "../../lib/grpc/server.ts";
import {
  type RefusedClient,
  TlsListener,
  type TlsListenerOptions,
} from "../../lib/grpc/tls_listener.ts";
import { RestServer, type RestServerOptions } from "../../lib/rest/server.ts";
import { setPassword } from "../../lib/auth/password_file_edit.ts";
import type { Refusal } from "../../lib/service/audit.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { basic, JOB } from "../rest/fixture.ts";
import { fakeService } from "../service/samples.ts";
import { until } from "../worker/fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

const DENIED = "0a".repeat(32);
const ANYWHERE = { hostname: "127.0.0.1", port: 0 };

/** What REST is told of a client. */
const ENV = {
  address: "192.0.2.7",
  peer: "192.0.2.7:4711",
  openEnded: () => {},
  authenticated: () => {},
  addTrailer: () => {},
};

/** A network front, and what it has handed on to its two listeners. */
async function opened(options: Partial<NetworkFrontOptions> = {}) {
  const { directory } = certificates;
  const users = `${directory}/users`;
  await setPassword(users, "alice", { password: "correct horse", roles: ["admin"] });
  await Deno.writeTextFile(`${directory}/denied`, DENIED, { mode: 0o600 });
  const refusals: Refusal[] = [];
  const grpc: TlsListenerOptions[] = [];
  const rest: RestServerOptions[] = [];
  const [{ listen: listenGrpc }, { listen: listenRest }] = [TlsListener, RestServer];
  TlsListener.listen = (given) => {
    grpc.push(given);
    return listenGrpc.call(TlsListener, given);
  };
  const servers: RestServer[] = [];
  RestServer.listen = async (given) => {
    rest.push(given);
    const server = await listenRest.call(RestServer, given);
    servers.push(server);
    return server;
  };
  try {
    const service = fakeService({ startJob: () => Promise.resolve(JOB) });
    const front = await NetworkFront.open(service, {
      credentials: await readCredentials({
        ...certificates.paths("server"),
        denyList: `${directory}/denied`,
        restAddress: ANYWHERE,
        users,
      }),
      publicOrigins: ["https://jobs.example"],
      address: ANYWHERE,
      restAddress: ANYWHERE,
      maxConnections: 41,
      maxConnectionsPerAddress: 23,
      inherited: { grpc: null, rest: null },
      exclusive: true,
      slowness: 3,
      onRefused: (refusal) => refusals.push(refusal),
      onUsed: () => {},
      ...options,
    });
    const [ofGrpc, ofRest] = [grpc[0], rest[0]];
    assert.ok(ofGrpc !== undefined && ofRest !== undefined);
    return { front, refusals, grpc: ofGrpc, rest: ofRest, servers };
  } finally {
    TlsListener.listen = listenGrpc;
    RestServer.listen = listenRest;
  }
}

Deno.test("NetworkFront.open() hands every option on to the listener that it is for", async () => {
  const { front, grpc, rest } = await opened();
  await using _front = front;
  const { addresses: { address, restAddress } } = front;
  assert.notEqual(address.port, restAddress?.port);
  const common = { hostname: "127.0.0.1", reusePort: true, descriptor: null, slowness: 3 };
  const { material, denyList, onConnection: _1, onRefused: _2, onError: _3, ...ofGrpc } = grpc;
  assert.deepEqual(ofGrpc, {
    ...common,
    port: address.port,
    maxConnections: 41,
    maxConnectionsPerAddress: 23,
  });
  assert.deepEqual([...denyList ?? []], [DENIED]);
  const { material: same, answer: _4, onRefused: _5, onError: _6, ...ofRest } = rest;
  assert.deepEqual(ofRest, {
    ...common,
    port: restAddress?.port,
    maxConnections: 21,
    maxConnectionsPerAddress: 12,
  });
  assert.equal(material, same);
  assert.equal(material.cert, (await certificates.material("server")).cert);
  await front.probe();
});

Deno.test("NetworkFront.open() looks for another process only if it is to have the port alone", async () => {
  await using first = (await opened()).front;
  const { address, restAddress } = first.addresses;
  await assert.rejects(
    opened({ address }),
    /Cannot listen on 127\.0\.0\.1:\d+: the port is in use/,
  );
  await assert.rejects(opened({ restAddress }), /the port is in use/);
  const { front, grpc, rest } = await opened({ address, restAddress, exclusive: false });
  await using _front = front;
  assert.deepEqual([grpc.port, rest.port], [address.port, restAddress?.port]);
});

Deno.test("NetworkFront tells some of each client that it knows and of strangers, and nothing of a crowd", async () => {
  const { front, grpc, refusals } = await opened();
  const refuse = (
    reason: RefusedClient["reason"],
    fingerprint: string,
    message: string = reason,
  ) => {
    for (let time = 0; time < 30; time++) {
      grpc.onRefused({ peer: "192.0.2.1:4711", reason, message, fingerprint });
    }
    return refusals.splice(0);
  };
  for (const reason of ["too_many_connections", "too_many_failures"] as const) {
    assert.deepEqual(refuse(reason, ""), []);
  }
  const known = refuse("expired", DENIED, "x".repeat(600));
  assert.equal(known.length, 20);
  assert.deepEqual(known[19], {
    method: "connect",
    peer: "192.0.2.1:4711",
    user: "",
    fingerprint: DENIED,
    why: "x".repeat(512),
    unreported: 0,
  });
  assert.equal(refuse("denied", "0b".repeat(32)).length, 20);
  assert.equal(refuse("too_many_connections_of_user", "0d".repeat(32)).length, 20);
  assert.equal(refuse("handshake", "").length, 20);
  assert.equal(refuse("handshake", "").length, 0);
  // Anybody can make one of these, so it is not known.
  assert.equal(refuse("unknown_ca", "0c".repeat(32)).length, 0);
  // At the end, everybody who is known has been counted.
  await front[Symbol.asyncDispose]();
  const last = refusals.map(({ fingerprint, unreported }) => [fingerprint, unreported]);
  assert.deepEqual(last, [[DENIED, 9], ["0b".repeat(32), 9], ["0d".repeat(32), 9]]);
});

Deno.test("NetworkFront serves REST to its users, under its public origins, and tells of failed logins", async () => {
  const { front, rest, refusals } = await opened();
  await using _front = front;
  const start = async (password: string, origin: string, user = "alice", host = "localhost") => {
    const headers = {
      host,
      origin,
      authorization: basic(user, password),
      "content-type": "application/json",
    };
    const body = JSON.stringify({ command: { name: "true" } });
    const request = new Request("https://localhost/v1/jobs", { method: "POST", headers, body });
    const { status } = await rest.answer(request, ENV);
    return status;
  };
  assert.ok(await start("correct horse", "https://jobs.example") < 300);
  assert.equal(await start("correct horse", "https://other.example"), 403);
  const strange = await start("correct horse", "https://jobs.example", "alice", "other.example");
  assert.equal(strange, 403);
  assert.deepEqual(refusals, []);
  assert.equal(await start("wrong", "https://jobs.example", "m".repeat(70)), 401);
  assert.deepEqual(refusals, [{
    method: "login",
    peer: "192.0.2.7:4711",
    user: "m".repeat(64),
    fingerprint: "",
    why: "Unknown user or wrong password",
    unreported: 0,
  }]);
});

Deno.test("NetworkFront says whenever somebody comes, and how many there are", async () => {
  let used = 0;
  const { front, grpc, rest } = await opened({ onUsed: () => used++ });
  await using _front = front;
  assert.equal(front.connections, 0);
  await front.probe();
  assert.deepEqual([front.connections, used], [0, 0]);
  const { address, restAddress } = front.addresses;
  const sockets = [address.port, restAddress?.port ?? 0].map((port) =>
    connect({ host: "127.0.0.1", port })
  );
  await until(() => Promise.resolve(front.connections === 2));
  assert.equal(used, 0);
  for (const socket of sockets) socket.destroy();
  await until(() => Promise.resolve(front.connections === 0));
  const refused = { peer: "192.0.2.1:4711", message: "" };
  grpc.onRefused({ ...refused, reason: "too_many_connections", fingerprint: "" });
  assert.equal(used, 1);
  rest.onRefused(refused);
  assert.equal(used, 2);
  await rest.answer(new Request("https://localhost/health/"), ENV);
  assert.equal(used, 3);
  const { cert, key, ca } = await certificates.material("client");
  const client = tls.connect({
    ...{ host: "127.0.0.1", port: address.port, servername: "localhost" },
    ...{ cert, key, ca, ALPNProtocols: ["h2"] },
  });
  await until(() => Promise.resolve(used === 4));
  const closed = once(client, "close");
  client.destroy();
  await closed;
  await until(() => Promise.resolve(front.connections === 0));
});

Deno.test("NetworkFront.probe() looks at REST, too", async () => {
  const { front, servers: [rest] } = await opened();
  await using _front = front;
  await front.probe();
  await rest?.close();
  await assert.rejects(front.probe());
});

Deno.test("NetworkFront.drain() gives the calls of both listeners the same time to end", async () => {
  const closings: unknown[] = [];
  const { front } = await opened();
  const servers = [GrpcServer.prototype, RestServer.prototype];
  const originals = servers.map((server) => {
    const { close } = server;
    server.close = function (given) {
      closings.push(given);
      return close.call(this, given);
    };
    return close;
  });
  try {
    await front.drain(1234);
  } finally {
    for (const [index, close] of originals.entries()) {
      Object.assign(servers[index] ?? {}, { close });
    }
  }
  assert.deepEqual(closings, [{ drainTimeoutMs: 1234 }, { drainTimeoutMs: 1234 }]);
  await assert.rejects(front.probe());
});
