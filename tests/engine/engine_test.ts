import { abortable } from "../../lib/async/abortable.ts";
import { delay } from "../../lib/async/delay.ts";
import { EngineServer } from "../../lib/engine/server.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { Caller, LogBatch } from "../../lib/service/job_service.ts";
import { JOB_METHODS, type JobMethod } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { batchOf, FAILED_JOB, JOB } from "../grpc/fixture.ts";
import { soon } from "../soon.ts";
import { randomBytes, rejection, until } from "../worker/fixture.ts";
import {
  asSaid,
  callWhole,
  eachMethod,
  WHOLE_ANSWERS,
  WHOLE_REQUESTS,
} from "../service/samples.ts";
import { CALLER, context, LOGS, TestEngine } from "./fixture.ts";

const { jobId } = JOB;

Deno.test("Every call reaches the service as it was made, and its answer the caller", async () => {
  const seen: unknown[] = [];
  await using engine = await TestEngine.start(eachMethod((method, request, { caller }) => {
    seen.push({ method, request, caller });
    return Promise.resolve(WHOLE_ANSWERS[method]);
  }));
  for (const method of JOB_METHODS) {
    assert.deepEqual(
      await callWhole(engine.client, method, context()),
      WHOLE_ANSWERS[method],
      method,
    );
  }
  assert.deepEqual(
    seen,
    JOB_METHODS.map((method) => ({ method, request: WHOLE_REQUESTS[method], caller: CALLER })),
  );
});

Deno.test("A gateway cannot say that a hub has brought a call", async () => {
  const callers: Caller[] = [];
  await using engine = await TestEngine.start({
    getJob(_request, { caller }) {
      callers.push(caller);
      return Promise.resolve(JOB);
    },
  });
  await engine.client.getJob({ jobId }, { ...context(), caller: { ...CALLER, via: "hub-1" } });
  assert.deepEqual(callers, [CALLER]);
});

Deno.test("An error reaches the caller with its code, reason and field; a fault of ours as internal", async () => {
  const known = new JobWorkerError("failed_precondition", 'No "ü"', {
    reason: "ENOENT",
    field: "command.name",
  });
  let thrown: unknown = known;
  await using engine = await TestEngine.start(eachMethod(() => Promise.reject(thrown)));
  for (const method of JOB_METHODS) {
    const { name, code, message, reason, field } = known;
    await assert.rejects(callWhole(engine.client, method, context()), {
      name,
      code,
      message,
      reason,
      field,
    });
  }
  assert.deepEqual(engine.faults, []);
  thrown = new TypeError("A secret");
  for (const method of JOB_METHODS) {
    await assert.rejects(callWhole(engine.client, method, context()), {
      code: "internal",
      message: /^Internal error/,
    });
  }
  assert.deepEqual(engine.faults, JOB_METHODS.map((method) => ({ method, error: thrown })));
});

Deno.test("A stream that fails half-way yields what came before", async () => {
  await using engine = await TestEngine.start({
    async *streamLogs() {
      yield batchOf(0, new Uint8Array([1]));
      throw await Promise.resolve(new JobWorkerError("data_loss", "The log is damaged"));
    },
  });
  const seen: LogBatch[] = [];
  await assert.rejects(async () => {
    for await (const batch of engine.client.streamLogs(LOGS, context())) seen.push(asSaid(batch));
  }, { code: "data_loss" });
  assert.deepEqual(seen, [batchOf(0, new Uint8Array([1]))]);
});

Deno.test("Output passes untouched, whatever its size", async () => {
  const sizes = [0, 1, 8, 65_535, 65_537, 256 * 1024, 3_000_001];
  const data = sizes.map(randomBytes);
  await using engine = await TestEngine.start({
    async *streamLogs() {
      for (const bytes of data) yield await Promise.resolve(batchOf(0, bytes));
    },
  });
  const received = await Array.fromAsync(
    engine.client.streamLogs(LOGS, context()),
    // They are good until the next ones are asked for.
    ({ records }) => records[0]?.data.slice(),
  );
  assert.equal(received.length, data.length);
  for (const [index, bytes] of data.entries()) {
    assert.ok(
      bytes.every((byte, at) => byte === received[index]?.[at]) &&
        bytes.byteLength === received[index]?.byteLength,
    );
  }
});

for (const method of ["startJob", "waitJob", "writeInput", "streamLogs", "watchJobs"] as const) {
  Deno.test(`A caller of ${method} who leaves is noticed while the service waits`, async () => {
    const called = Promise.withResolvers<AbortSignal>();
    const ended = Promise.withResolvers<void>();
    await using engine = await TestEngine.start(
      eachMethod(async (_method, _request, { signal }) => {
        called.resolve(signal);
        const aborted = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => aborted.resolve());
        await aborted.promise;
        ended.resolve();
        throw signal.reason;
      }),
      { maxCalls: 1 },
    );
    const leaving = new AbortController();
    const failure = rejection(callWhole(engine.client, method, context(leaving.signal)));
    await soon(called.promise, () => `${method} to be called`);
    const reason = new JobWorkerError("cancelled", "Call cancelled");
    leaving.abort(reason);
    assert.equal(await soon(failure, () => `${method} to be left`), reason);
    await soon(ended.promise, () => `${method} to end`);
    assert.deepEqual(engine.faults, []);
  });
}

Deno.test("Every call ends with its signal, before and while it is under way", async () => {
  const called: JobMethod[] = [];
  await using engine = await TestEngine.start(eachMethod(async (method, _request, { signal }) => {
    called.push(method);
    return await abortable(new Promise<never>(() => {}), signal);
  }));
  const reason = new Error("Enough");
  const calls = (signal: AbortSignal) =>
    Promise.all(JOB_METHODS.map((method) => {
      // One user's pages go by turns.
      const each = context(signal, method);
      const left = assert.rejects(callWhole(engine.client, method, each), reason);
      return soon(left, () => `${method} to be left`);
    }));
  await calls(AbortSignal.abort(reason));
  assert.deepEqual(called, []);
  const leaving = new AbortController();
  const outcomes = calls(leaving.signal);
  await until(() => Promise.resolve(called.length === JOB_METHODS.length));
  leaving.abort(reason);
  await outcomes;
});

Deno.test("A call that the engine does not understand is a fault of ours, and the next one is answered", async () => {
  await using engine = await TestEngine.start({ getJob: () => Promise.resolve(JOB) });
  const { caller, signal } = context();
  const stranger = { ...caller, peer: "x".repeat(129) };
  await assert.rejects(engine.client.getJob({ jobId }, { caller: stranger, signal }), {
    code: "internal",
  });
  assert.deepEqual(engine.faults.map(({ method }) => method), ["request"]);
  assert.match(String(engine.faults[0]?.error), /peer/);
  assert.deepEqual(await engine.client.getJob({ jobId }, context()), JOB);
});

Deno.test("A caller who leaves in the middle of a stream ends it in the service", async () => {
  const ended = Promise.withResolvers<void>();
  await using engine = await TestEngine.start({
    async *streamLogs(_request, { signal }) {
      try {
        // More than any socket holds, so that it stands in a `yield` when the caller leaves.
        for (;;) yield await Promise.resolve(batchOf(0, new Uint8Array(64 * 1024)));
      } finally {
        assert.ok(signal.aborted);
        ended.resolve();
      }
    },
  });
  for await (const batch of engine.client.streamLogs(LOGS, context())) {
    assert.equal(batch.nextOffset, 64 * 1024);
    break;
  }
  await soon(ended.promise, () => "the stream to end");
});

Deno.test("A call counts until it has ended, however it ends, and not longer", async () => {
  const forever = (signal: AbortSignal) => delay(2 ** 30, { signal });
  const ended = Promise.withResolvers<void>();
  let open = 0;
  await using engine = await TestEngine.start({
    getJob: () => Promise.resolve(JOB),
    async waitJob(_request, { signal }) {
      await forever(signal);
      return JOB;
    },
    async *streamLogs(_request, { signal }) {
      open++;
      try {
        for (;;) {
          yield batchOf(0, new Uint8Array(64 * 1024));
          if (open === 2) await forever(signal);
        }
      } finally {
        if (--open === 0) ended.resolve();
      }
    },
  }, { maxCalls: 3, maxCallsPerUser: 3 });
  const leaving = new AbortController();
  const waiting = rejection(engine.client.waitJob({ jobId }, context(leaving.signal)));
  const stalled = [1, 2].map(() => engine.client.streamLogs(LOGS, context(leaving.signal)))
    .map((batches) => batches[Symbol.asyncIterator]());
  for (const batches of stalled) await batches.next();
  await assert.rejects(engine.client.getJob({ jobId }, context()), {
    code: "resource_exhausted",
    message: "More than 3 calls at once",
  });
  leaving.abort(new Error("left"));
  await waiting;
  await soon(ended.promise, () => "the stream to end");
  for (const batches of stalled) await assert.rejects(async () => await batches.next(), /left/);
  const answers = await Promise.all(
    [1, 2, 3].map(() => engine.client.getJob({ jobId }, context())),
  );
  assert.deepEqual(answers, [JOB, JOB, JOB]);
});

Deno.test("The engine does not read ahead for a reader who stalls, and nobody else notices", async () => {
  let pulled = 0;
  await using engine = await TestEngine.start({
    getJob: () => Promise.resolve(JOB),
    async *streamLogs() {
      for (; pulled < 1000; pulled++) {
        yield await Promise.resolve(batchOf(0, new Uint8Array(65_536)));
      }
    },
  });
  let read = 0;
  for await (const { records } of engine.client.streamLogs(LOGS, context())) {
    assert.equal(records[0]?.data.byteLength, 65_536);
    if (read++ > 0) continue;
    // Long enough for all of the thousand, were they asked for.
    for (let count = 0; count < 300; count++) await engine.client.getJob({ jobId }, context());
    assert.ok(pulled < 200, `${pulled} of 1000 batches were made for a reader of one`);
  }
  assert.equal(read, 1000);
});

Deno.test("Closing the engine ends its calls with unavailable", async () => {
  const opened = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  await using engine = await TestEngine.start({
    async waitJob(_request, { signal }) {
      opened[0].resolve();
      await delay(2 ** 30, { signal });
      return JOB;
    },
    async *streamLogs(_request, { signal }) {
      yield batchOf(0, new Uint8Array([1]));
      opened[1].resolve();
      await delay(2 ** 30, { signal });
    },
  });
  const failures = Promise.all([
    rejection(engine.client.waitJob({ jobId }, context())),
    rejection(Array.fromAsync(engine.client.streamLogs(LOGS, context()))),
  ]);
  await soon(Promise.all(opened.map(({ promise }) => promise)), () => "both calls");
  await engine.close();
  for (const failure of await failures) {
    assert.ok(failure instanceof JobWorkerError);
    assert.deepEqual([failure.code, failure.message], [
      "unavailable",
      "The daemon is shutting down",
    ]);
  }
  await assert.rejects(engine.client.getJob({ jobId }, context()), { code: "unavailable" });
});

Deno.test("The socket belongs to its owner alone, and replaces one that was left behind", async () => {
  await using first = await TestEngine.start({ getJob: () => Promise.resolve(JOB) });
  const { mode } = await Deno.stat(first.path);
  assert.equal((mode ?? 0) & 0o777, 0o600);
  await first.close();
  await Deno.writeTextFile(first.path, "left behind");
  await using _second = await EngineServer.listen(eachMethod(() => Promise.resolve(FAILED_JOB)), {
    path: first.path,
    onFault: (error) => assert.fail(String(error)),
  });
  assert.deepEqual(await first.client.getJob({ jobId }, context()), FAILED_JOB);
});
