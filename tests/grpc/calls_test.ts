import { abortable } from "../../lib/async/abortable.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { JOB_METHODS, type JobMethod } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { callWhole, eachMethod, WHOLE_ANSWERS } from "../service/samples.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { JOB, TestServer } from "./fixture.ts";

/** The methods that wait for an event. */
const OPEN_ENDED: ReadonlySet<JobMethod> = new Set([
  "waitJob",
  "streamLogs",
  "watchJobs",
  "writeInput",
  "streamAudit",
  "runJobs",
]);

/** The methods that would do something twice. */
const NEVER_REPEATED: ReadonlySet<JobMethod> = new Set([
  "stopJob",
  "signalJob",
  "updateJob",
  "pruneJobs",
  "stopJobs",
]);

/** Far more than any of this takes: a fault fails an assertion long before. */
const TIMEOUT_MS = 20_000;

const NEVER = new Promise<never>(() => {});

Deno.test("every call keeps to its own deadline, and the server is told when it has passed", async () => {
  let [called, ended] = [0, 0];
  await using server = await TestServer.start(eachMethod(async (_method, _request, { signal }) => {
    called++;
    await abortable(NEVER, signal).catch(() => ended++);
  }));
  await using client = await server.connect();
  await Promise.all(
    JOB_METHODS.map((method) =>
      soon(
        assert.rejects(callWhole(client, method, { timeoutMs: 200 }), {
          code: "deadline_exceeded",
        }),
        () => `${method} to be out of time`,
        TIMEOUT_MS,
      )
    ),
  );
  await assert.rejects(client.checkHealth({ timeoutMs: 0 }), { code: "deadline_exceeded" });
  // On a busy machine a call may be over before it gets there.
  await until(() => Promise.resolve(ended === called));
  assert.deepEqual(server.faults, []);
});

Deno.test("every call is cancelled by its signal, before and while it is under way", async () => {
  const called: JobMethod[] = [];
  const ended: JobMethod[] = [];
  await using server = await TestServer.start(eachMethod(async (method, _request, { signal }) => {
    called.push(method);
    await abortable(NEVER, signal).catch(() => ended.push(method));
  }));
  await using client = await server.connect();
  const reason = new Error("Enough");
  const calls = (signal: AbortSignal) =>
    Promise.all(
      JOB_METHODS.map((method) =>
        soon(
          assert.rejects(callWhole(client, method, { signal }), reason),
          () => `${method} to be cancelled`,
          TIMEOUT_MS,
        )
      ),
    );
  await calls(AbortSignal.abort(reason));
  await assert.rejects(client.checkHealth({ signal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual(called, []);

  const leaving = new AbortController();
  const outcomes = calls(leaving.signal);
  await until(() => Promise.resolve(called.length === JOB_METHODS.length));
  leaving.abort(reason);
  await outcomes;
  await until(() => Promise.resolve(ended.length === JOB_METHODS.length));
});

for (const method of JOB_METHODS) {
  const repeated = !NEVER_REPEATED.has(method);
  Deno.test(`${method} is ${repeated ? "" : "not "}made again when the connection breaks`, async () => {
    let calls = 0;
    const server: TestServer = await TestServer.start(
      eachMethod(async (method, _request, { signal }) => {
        if (++calls > 1) return WHOLE_ANSWERS[method];
        server.dropConnections();
        return await abortable(NEVER, signal);
      }),
    );
    await using _server = server;
    const reconnections: Error[] = [];
    await using client = await server.connect({
      onReconnecting: (error) => reconnections.push(error),
    });
    const outcome = soon(callWhole(client, method, {}), () => `${method} to end`, TIMEOUT_MS);
    if (repeated) await outcome;
    else await assert.rejects(outcome, { code: "unavailable" });
    assert.equal(calls, repeated ? 2 : 1);
    assert.equal(reconnections.length, repeated ? 1 : 0);
  });
}

for (const drainTimeoutMs of [undefined, 3_600_000]) {
  const time = drainTimeoutMs === undefined ? "no time" : "some time";
  Deno.test(`GrpcServer.close() leaves ${time} to calls that end by themselves, and none to others`, async () => {
    let called = 0;
    const released = Promise.withResolvers<void>();
    await using server = await TestServer.start(
      eachMethod(async (method, _request, { signal }) => {
        called++;
        await abortable(released.promise, signal);
        return WHOLE_ANSWERS[method];
      }),
      // Those who are waited for are not cut off meanwhile.
      { closeTimeoutMs: drainTimeoutMs === undefined ? 60_000 : 0 },
    );
    await using client = await server.connect({ reconnectTimeoutMs: 0 });
    const outcomes = JOB_METHODS.map((method) => {
      const ended = callWhole(client, method, {}).then(() => "answered", (error) => error);
      return { method, ended: soon(ended, () => `${method} to end`, TIMEOUT_MS) };
    });
    await until(() => Promise.resolve(called === JOB_METHODS.length));
    const closing = server.grpc.close(drainTimeoutMs === undefined ? {} : { drainTimeoutMs });
    for (const { method, ended } of outcomes) {
      if (drainTimeoutMs !== undefined && !OPEN_ENDED.has(method)) continue;
      const error = await ended;
      assert.ok(error instanceof JobWorkerError, `${method}: ${error}`);
      assert.deepEqual([error.code, error.message], [
        "unavailable",
        "The server is going away: connect again",
      ]);
    }
    released.resolve();
    if (drainTimeoutMs !== undefined) {
      for (const { method, ended } of outcomes) {
        if (!OPEN_ENDED.has(method)) assert.equal(await ended, "answered", method);
      }
    }
    await soon(closing, () => "the last connection to be closed");
  });
}

Deno.test("a client is known for as long as one of its connections is open", async () => {
  await using server = await TestServer.start({ getJob: () => Promise.resolve(JOB) });
  const clients = await Promise.all([server.connect(), server.connect(), server.connect()]);
  for (const [closed, client] of clients.entries()) {
    for (const left of clients.slice(closed)) await left.getJob({ jobId: JOB.jobId });
    await client[Symbol.asyncDispose]();
    await until(() => Promise.resolve(server.connections === clients.length - closed - 1));
  }
  await using again = await server.connect();
  await again.getJob({ jobId: JOB.jobId });
});
