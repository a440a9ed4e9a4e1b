import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import * as tls from "node:tls";
import { checkCertificate, ListenerProbe, probeListener } from "../../lib/net/listener_probe.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";

/** Has a server listen on a port of 127.0.0.1 that others may share, and says where. */
async function listen(server: Server, port = 0): Promise<{ hostname: string; port: number }> {
  server.listen({ host: "127.0.0.1", port, reusePort: true });
  await once(server, "listening");
  return { hostname: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

async function close(...servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => once(server.close(), "close")));
}

Deno.test("probeListener() reaches its own listener, however many share the port", async () => {
  const servers = Array.from({ length: 5 }, () => createServer((socket) => socket.resume()));
  const address = await listen(servers[0] ?? createServer());
  for (const server of servers.slice(1)) await listen(server, address.port);
  let used = 0;
  for (const server of servers) {
    for (let round = 0; round < 3; round++) {
      const seen: unknown[] = [];
      const onConnection = ({ remotePort }: { remotePort?: number }) => seen.push(remotePort);
      server.on("connection", onConnection);
      const use = ({ localPort }: { localPort?: number }) => {
        used++;
        assert.ok(seen.includes(localPort));
        return Promise.resolve();
      };
      await probeListener(server, address, { use });
      server.off("connection", onConnection);
    }
  }
  assert.equal(used, 15);
  await close(...servers);
});

Deno.test("probeListener() is content with a connection that is ended at once", async () => {
  const server = createServer((socket) => socket.destroy());
  const address = await listen(server);
  const listeners = server.listenerCount("connection");
  // It is done every few seconds, for as long as the process lives.
  for (let round = 0; round < 3; round++) await probeListener(server, address);
  assert.equal(server.listenerCount("connection"), listeners);
  await close(server);
});

Deno.test("probeListener() uses a connection that was not dropped for others of its own", async () => {
  const server = createServer();
  // Seven connections reach somebody else; of the next ones the listener drops the first of each two.
  const arrived: Socket[] = [];
  const front = createServer((socket) => {
    socket.resume();
    if (arrived.push(socket) < 8 || arrived.length % 2 === 0) return;
    const two = arrived.slice(-2);
    for (const ours of two) server.emit("connection", ours);
    two[0]?.destroy();
  });
  const address = await listen(front);
  const used: unknown[] = [];
  const use = ({ localPort }: { localPort?: number }) => {
    const theirEnd = arrived.find(({ remotePort }) => remotePort === localPort);
    return Promise.resolve(void used.push(theirEnd?.destroyed));
  };
  await probeListener(server, address, { use });
  assert.deepEqual(used, [false]);
  await close(front);
});

Deno.test("probeListener() fails where only others answer, or nobody", async () => {
  const others = createServer((socket) => socket.resume());
  const address = await listen(others);
  const closed = createServer();
  const failed = { name: "JobWorkerError", code: "failed_precondition" };
  const late = (withinMs: number) => ({
    name: "JobWorkerError",
    code: "deadline_exceeded",
    message:
      `Cannot serve on 127.0.0.1:${address.port}: no connection arrives within ${withinMs} ms`,
  });
  await assert.rejects(probeListener(closed, address), late(2000));
  await assert.rejects(probeListener(closed, address, { slowness: 0.1 }), late(200));
  await close(others);
  await assert.rejects(probeListener(closed, address), { ...failed, message: /ECONNREFUSED/ });
});

Deno.test("ListenerProbe.check() looks where nobody has come since the last time, or nobody listens", async () => {
  const server = createServer((socket) => socket.destroy());
  const address = await listen(server);
  const gone = createServer();
  const elsewhere = await listen(gone);
  await close(gone);
  const probe = new ListenerProbe(server);
  await probe.check(address);
  const refused = /ECONNREFUSED/;
  await assert.rejects(probe.check(elsewhere), refused);
  for (let time = 0; time < 2; time++) {
    const arrived = once(server, "connection");
    const client = connect({ host: address.hostname, port: address.port });
    client.on("error", () => {});
    const left = new Promise<void>((resolve) => client.resume().once("close", () => resolve()));
    await Promise.all([arrived, left]);
    if (time === 1) await close(server);
    else await probe.check(elsewhere);
  }
  await assert.rejects(probe.check(elsewhere), refused);
});

Deno.test("checkCertificate() accepts that very certificate only", async () => {
  await using certificates = await TestCertificates.create();
  const { cert, key } = await certificates.material("server");
  const server = tls.createServer({ cert, key });
  const address = await listen(server);
  const shown = (certificate: string) =>
    probeListener(server, address, { use: (socket) => checkCertificate(socket, certificate) });
  await shown(cert);
  await assert.rejects(shown(certificates.ca.cert), {
    code: "failed_precondition",
    message: /does not answer with our certificate \(it shows another one\)/,
  });
  await close(server);
});

Deno.test("checkCertificate() gives up after a time that a slow machine makes longer", async () => {
  const silent = createServer();
  const address = await listen(silent);
  for (const slowness of [0.01, 0.02]) {
    const use = (socket: Socket) => checkCertificate(socket, "", slowness);
    await assert.rejects(probeListener(silent, address, { use }), {
      code: "deadline_exceeded",
      message: `Cannot serve on 127.0.0.1:${address.port}: no answer within ${5000 * slowness} ms`,
    });
  }
  await close(silent);
});
