import { setImmediate } from "node:timers";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { soon } from "../soon.ts";
import { aborted, batchOf, FROM_THE_START, JOB, TestServer } from "./fixture.ts";

const { jobId } = JOB;

Deno.test("GrpcServer.close() ends followers and waiters with UNAVAILABLE", async () => {
  await using server = await TestServer.start({
    waitJob: (_request, { signal }) => aborted(signal),
    async *streamLogs(_request, { signal }) {
      yield batchOf(0, new Uint8Array(1));
      await aborted(signal);
    },
  });
  await using client = await server.connect({ reconnectTimeoutMs: 0 });
  const wait = client.waitJob({ jobId });
  const batches = client.streamLogs(FROM_THE_START);
  await batches.next();
  const expected = { code: "unavailable", message: /going away/ };
  const outcomes = Promise.all([
    assert.rejects(wait, expected),
    assert.rejects(batches.next(), expected),
  ]);
  await soon(server.grpc.close(), () => "the server to close");
  await outcomes;
  assert.equal(server.connections, 0);
  assert.deepEqual(server.faults, []);
});

Deno.test("GrpcServer.close() waits three seconds for a service that hangs", async () => {
  const called = Promise.withResolvers<void>();
  await using server = await TestServer.start({
    waitJob() {
      called.resolve();
      return new Promise(() => {});
    },
  });
  await using client = await server.connect({ reconnectTimeoutMs: 0 });
  const wait = assert.rejects(client.waitJob({ jobId }));
  await soon(called.promise, () => "the call");
  let isClosed = false;
  let closing: Promise<unknown>;
  {
    using timers = new FakeTimers();
    closing = server.grpc.close().then(() => isClosed = true);
    timers.pass(2_999);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClosed, false);
    timers.pass(1);
  }
  await soon(closing, () => "the server to close", 10_000);
  await wait;
});

Deno.test("GrpcServer.close() does not wait for a service or a client that hangs", async () => {
  const called = Promise.withResolvers<void>();
  await using server = await TestServer.start({
    waitJob() {
      called.resolve();
      return new Promise(() => {});
    },
    async *streamLogs() {
      const data = new Uint8Array(256 * 1024);
      for (let offset = 0;; offset += data.length) yield batchOf(offset, data);
    },
  }, { closeTimeoutMs: 100 });
  await using client = await server.connect({ reconnectTimeoutMs: 0 });
  const wait = assert.rejects(client.waitJob({ jobId }));
  const batches = client.streamLogs(FROM_THE_START);
  await batches.next();
  await soon(called.promise, () => "the call");
  await soon(server.grpc.close(), () => "the server to close");
  await wait;
  await batches.return(undefined);
});
