import { abortable } from "../../lib/async/abortable.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { JOB, JOB_ID, TestRest } from "./fixture.ts";
import { certificates, HEAD, open, silentLog } from "./server_fixture.ts";

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

Deno.test("RestServer.close() ends calls that turn out to be open-ended only then", async () => {
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
