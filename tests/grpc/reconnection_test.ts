import { assert } from "../assert.ts";
import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { Channel } from "../../lib/grpc/channel.ts";
import { connecting } from "../../lib/grpc/connecting.ts";
import { Reconnection } from "../../lib/net/reconnection.ts";
import type { StreamAuditRequest, StreamLogsRequest } from "../../lib/service/job_service.ts";
import { WHOLE_RECORD } from "../service/samples.ts";
import { batchOf, FAILED_JOB, JOB, TestServer } from "./fixture.ts";

const FROM_THE_START: StreamLogsRequest = {
  jobId: JOB.jobId,
  streams: [],
  follow: true,
  start: { kind: "offset", offset: 0 },
};

/** A log of half a megabyte in which no two places look alike. */
const LOG = new Uint8Array(
  new Uint32Array(128 * 1024).map((_, index) => index * 2654435761).buffer,
);

Deno.test("JobWorkerClient.streamLogs() resumes after broken connections, and no byte is lost or repeated", async () => {
  const starts: number[] = [];
  const server: TestServer = await TestServer.start({
    async *streamLogs({ start }) {
      assert.ok(start.kind === "offset");
      starts.push(start.offset);
      let { offset } = start;
      for (let batches = 0; offset < LOG.length; batches++) {
        // Break in the middle of what this stream has to say, each time a bit later.
        if (batches === starts.length && starts.length < 6) {
          server.dropConnections();
          await new Promise(() => {});
        }
        const data = LOG.slice(offset, offset + 20_011);
        yield batchOf(offset, data);
        offset += data.length;
      }
      yield { records: [], nextOffset: offset, finishedJob: FAILED_JOB };
    },
  });
  await using _server = server;
  let reconnections = 0;
  await using client = await server.connect({ onReconnecting: () => reconnections++ });

  const received: Uint8Array[] = [];
  let last;
  for await (const batch of client.streamLogs(FROM_THE_START)) {
    for (const { data } of batch.records) received.push(data);
    last = batch;
  }

  assert.deepEqual(
    new Uint8Array(await new Blob(received.map((bytes) => new Uint8Array(bytes))).arrayBuffer()),
    LOG,
  );
  assert.deepEqual(last?.finishedJob, FAILED_JOB);
  assert.equal(starts.length, 6);
  assert.equal(reconnections, 5);
});

Deno.test("JobWorkerClient.streamAudit() continues behind the last line that came, and asks for the same", async () => {
  const requests: StreamAuditRequest[] = [];
  await using server = await TestServer.start({
    async *streamAudit(request, { signal }) {
      requests.push(request);
      yield { records: [], position: request.position };
      if (requests.length === 3) return;
      yield { records: [WHOLE_RECORD], position: `0123456789abcdef:${requests.length}` };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  await using client = await server.connect();
  let lines = 0;
  for await (const { records } of client.streamAudit({ user: "dora", follow: true })) {
    lines += records.length;
    if (records.length > 0) server.dropConnections();
  }
  assert.equal(lines, 2);
  const rest = { jobIdPrefix: "", method: "", deniedOnly: false, follow: true };
  assert.deepEqual(
    requests,
    ["", "0123456789abcdef:1", "0123456789abcdef:2"].map((position) => (
      { user: "dora", ...rest, position }
    )),
  );
});

Deno.test("JobWorkerClient.streamLogs() keeps where to start until something has come", async () => {
  const starts: StreamLogsRequest["start"][] = [];
  const server: TestServer = await TestServer.start({
    async *streamLogs({ start }, { signal }) {
      starts.push(start);
      if (starts.length === 1) {
        server.dropConnections();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
      yield { records: [], nextOffset: 5, finishedJob: FAILED_JOB };
    },
  });
  await using _server = server;
  await using client = await server.connect();
  const start = { kind: "tail", lines: 10 } as const;
  await Array.fromAsync(client.streamLogs({ ...FROM_THE_START, start }));
  assert.deepEqual(starts, [start, start]);
});

Deno.test("JobWorkerClient.streamLogs() that is resumed ends where it would have ended", async () => {
  const requests: Pick<StreamLogsRequest, "start" | "endOffset">[] = [];
  await using server = await TestServer.start({
    async *streamLogs({ start, endOffset }, { signal }) {
      requests.push({ start, ...(endOffset !== undefined && { endOffset }) });
      if (requests.length === 1) {
        yield { ...batchOf(0, LOG.slice(0, 7)), endOffset: 9 };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
      yield { ...batchOf(7, LOG.slice(7, 9)), endOffset: 9 };
    },
  });
  await using client = await server.connect();
  const batches = [];
  for await (const batch of client.streamLogs({ ...FROM_THE_START, follow: false })) {
    batches.push([batch.nextOffset, batch.endOffset]);
    if (batches.length === 1) server.dropConnections();
  }
  assert.deepEqual(batches, [[7, 9], [9, 9]]);
  assert.deepEqual(requests, [
    { start: { kind: "offset", offset: 0 } },
    { start: { kind: "offset", offset: 7 }, endOffset: 9 },
  ]);
});

Deno.test("JobWorkerClient.waitJob() survives the restart of the daemon", async () => {
  await using first = await TestServer.start({
    waitJob: (_request, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const { port, certificates } = first;
  const reconnecting = Promise.withResolvers<Error>();
  await using client = await first.connect({ onReconnecting: reconnecting.resolve });
  const ended = client.waitJob({ jobId: JOB.jobId });
  await client.checkHealth();
  await first.stop();
  assert.match((await reconnecting.promise).message, /going away/);
  await using _second = await TestServer.start(
    { waitJob: () => Promise.resolve(FAILED_JOB) },
    { port, certificates },
  );
  assert.deepEqual(await ended, FAILED_JOB);
});

Deno.test("JobWorkerClient.watchJobs() shows the jobs again after a broken connection", async () => {
  let calls = 0;
  await using server = await TestServer.start({
    async *watchJobs(_request, { signal }) {
      yield JOB;
      if (++calls === 2) return;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  await using client = await server.connect();
  const jobs = [];
  for await (const job of client.watchJobs({ filter: {} })) {
    jobs.push(job);
    server.dropConnections();
  }
  assert.deepEqual(jobs, [JOB, JOB]);
});

Deno.test("JobWorkerClient goes on for ever as long as each connection brings something", async () => {
  let calls = 0;
  const breakOff = async (signal: AbortSignal) => {
    if (++calls % 9 > 0) await abortable(new Promise<never>(() => {}), signal);
  };
  await using server = await TestServer.start({
    async *watchJobs(_request, { signal }) {
      yield JOB;
      await breakOff(signal);
    },
    async *streamLogs({ start }, { signal }) {
      assert.ok(start.kind === "offset");
      yield batchOf(start.offset, new Uint8Array(1));
      await breakOff(signal);
    },
  });
  // Far less than the pauses of so many failures in a row add up to.
  await using client = await server.connect({ reconnectTimeoutMs: 2_000 });
  for (
    const stream of [client.watchJobs({ filter: {} }), client.streamLogs({ jobId: JOB.jobId })]
  ) {
    let items = 0;
    for await (const _item of stream) if (++items < 9) server.dropConnections();
    assert.equal(items, 9);
  }
});

Deno.test("JobWorkerClient.startJob() sends one request id however often it tries", async () => {
  const ids: string[] = [];
  await using server = await TestServer.start({
    startJob({ requestId }) {
      ids.push(requestId);
      if (ids.length < 3) throw new JobWorkerError("unavailable", "The engine is starting");
      return Promise.resolve(JOB);
    },
  });
  await using client = await server.connect();
  const { command, labels } = JOB;
  assert.deepEqual(await client.startJob({ command, labels, requestId: "" }), JOB);
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 1);
  assert.match(ids[0] ?? "", /^[0-9a-f-]{14}7/);

  await client.startJob({ command, labels, requestId: "mine" });
  assert.equal(ids[3], "mine");
});

Deno.test("JobWorkerClient.startJob() gives up after some attempts", async () => {
  let attempts = 0;
  await using server = await TestServer.start({
    startJob() {
      attempts++;
      throw new JobWorkerError("unavailable", "The engine is down");
    },
  });
  await using client = await server.connect();
  const { command, labels } = JOB;
  await assert.rejects(client.startJob({ command, labels, requestId: "" }), {
    code: "unavailable",
    message: "The engine is down",
  });
  assert.equal(attempts, 5);
});

Deno.test("JobWorkerClient gives up when there is no daemon for long enough, and says why", async () => {
  await using server = await TestServer.start({
    async *streamLogs(_request, { signal }) {
      yield batchOf(0, LOG.slice(0, 10));
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw signal.reason;
    },
  });
  await using client = await server.connect({ reconnectTimeoutMs: 300 });
  const received = Array.fromAsync(client.streamLogs(FROM_THE_START));
  await client.checkHealth();
  await server.stop();
  await assert.rejects(received, { code: "unavailable", reason: "ECONNREFUSED" });

  const { port, certificates } = server;
  await using _second = await TestServer.start({}, { port, certificates });
  assert.equal(await client.checkHealth(), "serving");
});

Deno.test("JobWorkerClient does not repeat what the daemon has refused", async () => {
  let calls = 0;
  await using server = await TestServer.start({
    waitJob() {
      calls++;
      throw new JobWorkerError("not_found", "No such job");
    },
  });
  await using client = await server.connect();
  await assert.rejects(client.waitJob({ jobId: JOB.jobId }), { code: "not_found" });
  assert.equal(calls, 1);
});

Deno.test("JobWorkerClient keeps to the time of a call while it reconnects", async () => {
  await using server = await TestServer.start({
    waitJob: () => Promise.reject(new JobWorkerError("unavailable", "The engine is down")),
  });
  await using client = await server.connect();
  await assert.rejects(client.waitJob({ jobId: JOB.jobId }, { timeoutMs: 500 }), {
    code: "deadline_exceeded",
  });
});

Deno.test("Reconnection gives up at once where a certificate is the daemon's fault", async () => {
  const error = new JobWorkerError("unavailable", "No", { reason: "SERVER_NAME_MISMATCH" });
  let attempts = 0;
  const channel = {
    connected: () => Promise.resolve(++attempts === 0),
    refusal: () => Promise.resolve(error),
  } as unknown as Channel;
  const options = { timeoutMs: 3_600_000 };
  for (const first of [error, new JobWorkerError("unavailable", "Broken")]) {
    const limits = { deadline: Infinity };
    const reconnection = new Reconnection(options, limits, connecting(channel, limits));
    await assert.rejects(reconnection.recover(first), error);
  }
  assert.equal(attempts, 1);
});
