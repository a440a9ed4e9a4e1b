import { assert } from "../assert.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { soon } from "../soon.ts";
import { aborted, batchOf, FROM_THE_START, JOB, TestServer } from "./fixture.ts";

const { jobId } = JOB;

Deno.test("the service's signal is aborted when the client cancels", async () => {
  const reasons: unknown[] = [];
  const both = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const watch = (signal: AbortSignal) =>
    signal.addEventListener("abort", () => {
      if (reasons.push(signal.reason.code) === 2) both.resolve();
    });
  await using server = await TestServer.start({
    waitJob(_request, { signal }) {
      watch(signal);
      started.resolve();
      return aborted(signal);
    },
    async *streamLogs(_request, { signal }) {
      watch(signal);
      yield batchOf(0, new Uint8Array(1));
      await aborted(signal);
    },
  });
  await using client = await server.connect();

  const controller = new AbortController();
  const wait = client.waitJob({ jobId }, { signal: controller.signal });
  await soon(started.promise, () => "the call");
  controller.abort(new Error("Enough"));
  await assert.rejects(wait, { message: "Enough" });

  for await (const _batch of client.streamLogs(FROM_THE_START)) break;

  await soon(both.promise, () => "both calls to be aborted");
  assert.deepEqual(reasons, ["cancelled", "cancelled"]);
  assert.deepEqual(server.faults, []);
});

Deno.test("the service's signal is aborted when the connection breaks", async () => {
  const noticed = Promise.withResolvers<void>();
  await using server = await TestServer.start({
    async *streamLogs(_request, { signal }) {
      yield batchOf(0, new Uint8Array(1));
      await aborted(signal).catch(() => noticed.resolve());
    },
  });
  await using client = await server.connect({ reconnectTimeoutMs: 0 });
  await assert.rejects(async () => {
    for await (const _batch of client.streamLogs(FROM_THE_START)) server.dropConnections();
  }, { code: "unavailable" });
  await soon(noticed.promise, () => "the break to be noticed");
});

Deno.test("the deadline of a call ends it on both sides", async () => {
  const reason = Promise.withResolvers<JobWorkerError>();
  await using server = await TestServer.start({
    waitJob(_request, { signal }) {
      signal.addEventListener("abort", () => reason.resolve(signal.reason));
      return aborted(signal);
    },
  });
  await using client = await server.connect();
  await assert.rejects(client.waitJob({ jobId }, { timeoutMs: 100 }), {
    code: "deadline_exceeded",
  });
  assert.match(
    (await soon(reason.promise, () => "the deadline")).code,
    /deadline_exceeded|cancelled/,
  );
});

Deno.test({
  name: "the deadline of a call ends a stream whose client does not read",
  // grpc-js may leave a timer of its own behind on a busy machine; it keeps no process alive.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const reason = Promise.withResolvers<JobWorkerError>();
    await using server = await TestServer.start({
      async *streamLogs(_request, { signal }) {
        signal.addEventListener("abort", () => reason.resolve(signal.reason));
        const data = new Uint8Array(256 * 1024);
        for (let offset = 0;; offset += data.length) yield batchOf(offset, data);
      },
    });
    await using client = await server.connect();
    const batches = client.streamLogs(FROM_THE_START, { timeoutMs: 1_000 });
    // On a busy machine the deadline may come first.
    await batches.next().catch(() => {});
    assert.match(
      (await soon(reason.promise, () => "the deadline")).code,
      /deadline_exceeded|cancelled/,
    );
    await batches.return(undefined);
  },
});
