import { JobWorkerError } from "../../lib/errors.ts";
import type { Door } from "../../lib/fleet/door_socket.ts";
import { HOST_OFFLINE } from "../../lib/fleet/transport.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { openNats, openTransport, startAgent } from "./nats_fixture.ts";
import { natsTest } from "./nats_server.ts";

const BYTES = new TextEncoder().encode("a call");
const WITHIN = { timeoutMs: 60_000 };

/** Answers with what it was sent, and the method. */
const ECHO: Door = {
  answer: (method, bytes) =>
    Promise.resolve(new Uint8Array([...new TextEncoder().encode(`${method}:`), ...bytes])),
};

/** Never answers by itself, and tells of calls that come and are cancelled. */
function waitingDoor() {
  const come = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  const door: Door = {
    answer(_method, _bytes, signal) {
      const answer = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
      signal.addEventListener("abort", () => {
        cancelled.resolve();
        answer.resolve(new Uint8Array());
      });
      come.resolve();
      return answer.promise;
    },
  };
  return { door, come: come.promise, cancelled: cancelled.promise };
}

natsTest("NatsTransport carries calls to the door of a host, and the answers back", async () => {
  await using resources = new AsyncDisposableStack();
  const server = await openNats(resources);
  await using _web = await startAgent(server, "web-1", ECHO);
  await using _db = await startAgent(server, "db-1", {
    answer: () => Promise.resolve(new TextEncoder().encode("of the other host")),
  });
  const { transport } = await openTransport(server);
  await using _transport = transport;
  const { signal } = new AbortController();
  const ask = async (host: string, bytes: Uint8Array<ArrayBuffer>) =>
    await transport.request(host, "getJob", bytes, { signal, ...WITHIN });
  const many = Array.from({ length: 100 }, (_, index) => new Uint8Array([index]));
  const answers = await Promise.all(many.map((bytes) => ask("web-1", bytes)));
  const prefix = new TextEncoder().encode("getJob:");
  assert.deepEqual(answers, many.map((bytes) => new Uint8Array([...prefix, ...bytes])));
  assert.equal(new TextDecoder().decode(await ask("db-1", BYTES)), "of the other host");
  // As large as a request may be.
  const large = new Uint8Array(6 * 1024 * 1024).fill(7);
  assert.equal((await ask("web-1", large)).byteLength, large.byteLength + prefix.byteLength);
});

natsTest("NatsTransport names a host for which nobody listens, at once", async () => {
  await using resources = new AsyncDisposableStack();
  const server = await openNats(resources);
  const { transport, silent } = await openTransport(server);
  await using _transport = transport;
  const { signal } = new AbortController();
  const asked = transport.request("web-1", "getJob", BYTES, { signal, ...WITHIN });
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof JobWorkerError);
    assert.deepEqual([error.code, error.reason], ["unavailable", HOST_OFFLINE]);
    assert.match(error.message, /"web-1"/);
    return true;
  });
  assert.deepEqual(silent, ["web-1"]);
});

natsTest("Who leaves a call, or does not wait any longer, ends it at the host", async () => {
  await using resources = new AsyncDisposableStack();
  const server = await openNats(resources);
  for (const isDeadline of [false, true]) {
    const { door, come, cancelled } = waitingDoor();
    await using _agent = await startAgent(server, "web-1", door);
    const { transport } = await openTransport(server);
    await using _transport = transport;
    const leaving = new AbortController();
    const asked = transport.request("web-1", "waitJob", BYTES, {
      signal: leaving.signal,
      timeoutMs: isDeadline ? 1_000 : WITHIN.timeoutMs,
    });
    asked.catch(() => {});
    await soon(come, () => "the call");
    if (!isDeadline) leaving.abort(new Error("left"));
    await assert.rejects(asked, isDeadline ? /has not answered within 1000 ms/ : /left/);
    await soon(cancelled, () => "the end of the call at the host");
  }
});

natsTest("A host that is taken for lost, or a server that is, ends calls early", async () => {
  await using resources = new AsyncDisposableStack();
  const server = await openNats(resources);
  const { door, come } = waitingDoor();
  await using _agent = await startAgent(server, "web-1", door);
  const { transport, connected } = await openTransport(server);
  await using _transport = transport;
  const { signal } = new AbortController();
  const ask = async (method: string) =>
    await transport.request("web-1", method, BYTES, { signal, ...WITHIN });
  const dropped = ask("waitJob");
  dropped.catch(() => {});
  await soon(come, () => "the call");
  transport.drop("db-1", new JobWorkerError("unavailable", "Another"));
  transport.drop("web-1", new JobWorkerError("unavailable", "Lost"));
  await assert.rejects(dropped, /Lost/);
  const open = ask("waitJob");
  open.catch(() => {});
  await server.kill();
  await assert.rejects(open, /no connection to NATS/);
  await assert.rejects(ask("getJob"), /no connection to NATS/);
  await server.restart();
  await until(() => Promise.resolve(connected.includes(true)));
  assert.deepEqual(connected, [false, true]);
});

natsTest("An agent that has lost its server serves again once there is one", async () => {
  await using resources = new AsyncDisposableStack();
  const server = await openNats(resources);
  await using _agent = await startAgent(server, "web-1", ECHO);
  const { transport } = await openTransport(server);
  await using _transport = transport;
  const { signal } = new AbortController();
  const ask = () => transport.request("web-1", "getJob", BYTES, { signal, ...WITHIN });
  await ask();
  await server.kill();
  await server.restart();
  const answer = await until(() => ask().catch(() => undefined));
  assert.equal(new TextDecoder().decode(answer), "getJob:a call");
});

natsTest(
  "A call that is too large for the server says so, and leaves the others alone",
  async () => {
    await using resources = new AsyncDisposableStack();
    const server = await openNats(resources);
    await using _agent = await startAgent(server, "web-1", ECHO);
    const { transport } = await openTransport(server);
    await using _transport = transport;
    const { signal } = new AbortController();
    const ask = (bytes: Uint8Array<ArrayBuffer>) =>
      transport.request("web-1", "startJob", bytes, { signal, ...WITHIN });
    await assert.rejects(ask(new Uint8Array(9 * 1024 * 1024)), /too large for NATS/);
    await ask(BYTES);
  },
);
