import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { CallContext, LogBatch } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { basic, batchOf, JOB_ID, recordOf, TestRest } from "./fixture.ts";
import { aborted, ca, certificates, HEAD, open, silentLog } from "./server_fixture.ts";

Deno.test("A client that leaves ends its call at once", async () => {
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

Deno.test("A client that leaves before the answer begins costs little of it, and lets go of the log", async () => {
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

Deno.test("A client that vanishes without a word is missed by the kernel", async () => {
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
