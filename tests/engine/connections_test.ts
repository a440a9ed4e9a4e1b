/**
 * What goes over the engine's socket: connections, and bytes that no gateway of ours would send.
 *
 * @module
 */

import { EngineClient } from "../../lib/engine/client.ts";
import { GREETING, LEFT } from "../../lib/engine/messages.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { writeFully } from "../../lib/files/flush.ts";
import { FrameConnection } from "../../lib/net/frame_connection.ts";
import { concat, encodeFrame } from "../../lib/net/frames.ts";
import { assert } from "../assert.ts";
import { batchOf, JOB } from "../grpc/fixture.ts";
import { soon } from "../soon.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { CALLER, context, LOGS, TestEngine } from "./fixture.ts";

const { jobId } = JOB;

Deno.test("An engine that dies in the middle of an answer is unavailable", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/engine.sock`;
  const whole = encodeFrame({ kind: "value", value: {} }, [new Uint8Array(50_000)]);
  let restorations = 0;
  using client = new EngineClient(path, {
    restoreSocket: () => Promise.reject(new Error(`Restoration ${++restorations}`)),
  });
  const answers = [0, 5, 20, whole.byteLength - 1, whole.byteLength].map((length) =>
    whole.subarray(0, length)
  );
  for (const answer of [...answers, new Uint8Array(8).fill(255), encodeFrame(5)]) {
    using listener = Deno.listen({ transport: "unix", path });
    const died = (async () => {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(4096));
      await connection.write(encodeFrame(GREETING));
      await connection.read(new Uint8Array(4096));
      await writeFully(connection, answer);
    })();
    await assert.rejects(
      Array.fromAsync(client.streamLogs(LOGS, context())),
      { name: "JobWorkerError", code: "unavailable", message: /^The job engine does not answer: / },
    );
    await died;
  }
  assert.equal(restorations, 0, "What has been sent is not sent again");
  await assert.rejects(client.getJob({ jobId }, context()), { code: "unavailable" });
  assert.equal(restorations, 1);
  await Deno.remove(directory);
});

/** What is answered to something that the engine cannot make a call of. */
const INTERNAL = {
  kind: "error",
  error: {
    code: "internal",
    message: "Internal error of the daemon, see its diagnostics",
  },
};

Deno.test("Requests that no gateway of ours sends are refused, and the engine lives", async () => {
  await using engine = await TestEngine.start({ getJob: () => Promise.resolve(JOB) });
  const caller = CALLER;
  const request = { jobId };
  const whole = { method: "getJob", caller, request };
  const wrong = [
    null,
    5,
    {},
    { caller, request },
    { ...whole, caller: undefined },
    { ...whole, request: 5 },
    { ...whole, request: undefined },
    { ...whole, caller: { ...caller, peer: null } },
    { ...whole, caller: { ...caller, peer: "x".repeat(129) } },
    { ...whole, method: "toString" },
    { ...whole, method: "constructor" },
    { ...whole, method: 5 },
  ];
  for (const head of wrong) {
    assert.deepEqual(await engine.answers(encodeFrame(head)), { answer: INTERNAL, next: INTERNAL });
  }
  const endings = [
    frameOf("{"),
    frameOf(new Uint8Array([255, 254, 0])),
    frameOf(""),
    frameOf("[".repeat(1e6)),
  ];
  for (const bytes of endings) {
    assert.deepEqual(await engine.answers(bytes), { answer: null, next: null });
  }
  assert.deepEqual(await engine.client.getJob({ jobId }, context()), JOB);
  assert.ok(engine.faults.length > endings.length);
  assert.ok(engine.faults.every(({ method }) => method === "request"));
});

Deno.test("The engine takes no memory for a request that is said to be too large", async () => {
  await using engine = await TestEngine.start({ getJob: () => Promise.resolve(JOB) });
  // One more byte is too many, however they are divided.
  const most = 32 * 1024 * 1024 - 8;
  for (const [head, bytes] of [[1, most], [most, 1], [2 ** 32 - 1, 2 ** 32 - 1]] as const) {
    assert.deepEqual(await engine.answers(prefixOf(head, bytes)), { answer: null, next: null });
  }
  assert.match(String(engine.faults[0]?.error), /A frame of 33554433 bytes is larger/);
  const json = encodeFrame({ method: "getJob", caller: CALLER, request: { jobId } }).subarray(8);
  const head = concat([prefixOf(json.byteLength, most - json.byteLength), json]);
  const { answer } = await engine.answers(
    concat([head, new Uint8Array(most - json.byteLength)]),
  );
  assert.deepEqual(answer, { kind: "value", value: JOB });
});

Deno.test("Bytes that are no call at all do the engine no harm", async () => {
  await using engine = await TestEngine.start({ getJob: () => Promise.resolve(JOB) });
  const call = encodeFrame({ method: "getJob", caller: CALLER, request: { jobId } });
  for (const length of [0, 1, 8, 20, call.byteLength - 1]) {
    using _connection = await engine.send(call.subarray(0, length));
  }
  assert.deepEqual(await engine.client.getJob({ jobId }, context()), JOB);
  await engine.close();
  assert.deepEqual(engine.faults, []);
});

Deno.test("Neither side goes on with one that speaks otherwise, and the gateway says so", async () => {
  await using engine = await TestEngine.start({ getJob: () => Promise.resolve(JOB) });
  const later = encodeFrame({ protocol: GREETING.protocol + 1 });
  for (const text of ["GET /engine HTTP/1.1\r\n\r\n", "\0".repeat(8)]) {
    using connection = await Deno.connect({ transport: "unix", path: engine.path });
    await connection.write(new TextEncoder().encode(text));
    assert.equal(await connection.read(new Uint8Array(1)), null);
  }
  {
    using connection = await Deno.connect({ transport: "unix", path: engine.path });
    await connection.write(later);
    const said = new Uint8Array(100);
    const bytes = await connection.read(said) ?? 0;
    assert.deepEqual(said.subarray(0, bytes), encodeFrame(GREETING));
    assert.equal(await connection.read(said), null);
  }
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/engine.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  const served = (async () => {
    using connection = await listener.accept();
    await connection.write(later);
    await connection.read(new Uint8Array(100));
  })();
  using client = new EngineClient(path);
  await assert.rejects(client.reach(), {
    code: "unavailable",
    message: `Cannot reach the job engine at its socket "${path}": another version of it answers ` +
      `there, by protocol ${
        GREETING.protocol + 1
      } and not ${GREETING.protocol}; restart worker-daemon`,
  });
  await served;
});

Deno.test("Calls one after the other share a connection, and those at the same time have one each", async () => {
  let accepted = 0;
  await using engine = await TestEngine.start({
    getJob: () => Promise.resolve(JOB),
    getLogs: () => Promise.reject(new JobWorkerError("not_found", "No such job")),
    async *watchJobs() {
      yield await Promise.resolve(JOB);
    },
  });
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/between.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  const passing = (async () => {
    for await (const connection of listener) {
      accepted++;
      const onward = await Deno.connect({ transport: "unix", path: engine.path });
      void connection.readable.pipeTo(onward.writable).catch(() => {});
      void onward.readable.pipeTo(connection.writable).catch(() => {});
    }
  })();
  {
    using client = new EngineClient(path);
    for (let call = 0; call < 3; call++) {
      await client.getJob({ jobId }, context());
      await Array.fromAsync(client.watchJobs({ filter: {} }, context()));
      const page = { jobId, streams: [], offset: 0, maxBytes: 0 };
      await assert.rejects(client.getLogs(page, context()), { code: "not_found" });
    }
    assert.equal(accepted, 1);
    await Promise.all([1, 2, 3].map(() => client.getJob({ jobId }, context())));
    assert.equal(accepted, 3);
    for await (const _job of client.watchJobs({ filter: {} }, context())) break;
    await client.getJob({ jobId }, context());
    const leaving = new AbortController();
    const left = assert.rejects(
      Array.fromAsync(client.watchJobs({ filter: {} }, context(leaving.signal))),
      /left/,
    );
    leaving.abort(new Error("left"));
    await left;
    await Promise.all([1, 2, 3].map(() => client.getJob({ jobId }, context())));
    assert.equal(accepted, 3, "Whoever leaves closes none");
  }
  await engine.close();
  listener.close();
  await passing.catch(() => {});
});

Deno.test("What is on its way to somebody who leaves reaches nobody else", async () => {
  await using engine = await TestEngine.start({
    getJob: ({ jobId }) => Promise.resolve({ ...JOB, jobId }),
    async *watchJobs({ filter: { name = "" } }) {
      for (let count = 0; count < 20; count++) {
        yield await Promise.resolve({ ...JOB, jobId: `${name} ${count}` });
      }
    },
    async *streamLogs({ start }) {
      const offset = start.kind === "offset" ? start.offset : NaN;
      for (let count = 0; count < 20; count++) {
        yield await Promise.resolve(batchOf(offset, new Uint8Array(10_000 * count).fill(offset)));
      }
    },
  });
  const calls: (() => Promise<unknown>)[] = [];
  for (let call = 0; call < 100; call++) {
    const leaving = new AbortController();
    const reason = new Error(`${call} left`);
    const mostly = (count: number) => {
      if (count === call % 22 && call % 3 > 0) leaving.abort(reason);
      return count === call % 22;
    };
    const whole = async (read: () => Promise<void>) => {
      await read().catch((error) => assert.equal(error, reason));
    };
    calls.push(() =>
      whole(async () => {
        let count = 0;
        const request = { filter: { name: `watch ${call}` } };
        for await (const job of engine.client.watchJobs(request, context(leaving.signal))) {
          assert.equal(job.jobId, `watch ${call} ${count}`);
          if (mostly(count++)) break;
        }
      })
    );
    calls.push(() =>
      whole(async () => {
        let count = 0;
        const request = { ...LOGS, start: { kind: "offset", offset: call } } as const;
        for await (const batch of engine.client.streamLogs(request, context(leaving.signal))) {
          const [{ data } = { data: new Uint8Array() }] = batch.records;
          assert.equal(data.byteLength, 10_000 * count);
          assert.ok(data.every((byte) => byte === call));
          if (mostly(count++)) break;
        }
      })
    );
    calls.push(async () => {
      const job = await engine.client.getJob({ jobId: `get ${call}` }, context());
      assert.equal(job.jobId, `get ${call}`);
    });
  }
  const turns = Array.from({ length: 5 }, async () => {
    for (let next = calls.shift(); next !== undefined; next = calls.shift()) await next();
  });
  await soon(Promise.all(turns), () => `${calls.length} calls`);
  assert.deepEqual(engine.faults, []);
});

/** Has something happen each time that a connection has read something, which its reader does not know yet. */
function onRead(happens: () => void): Disposable & { readonly count: number } {
  const { connect } = Deno;
  const made = { count: 0, [Symbol.dispose]: () => void Object.assign(Deno, { connect }) };
  const watched = async (options: Deno.UnixConnectOptions) => {
    made.count++;
    const connection = await connect(options);
    const read = connection.read.bind(connection);
    connection.read = async (into) => {
      const length = await read(into);
      happens();
      return length;
    };
    return connection;
  };
  Object.assign(Deno, { connect: watched });
  return made;
}

Deno.test("Whoever leaves just when the engine greets spoils the call of nobody else", async () => {
  await using engine = await TestEngine.start({ getJob: () => Promise.resolve(JOB) });
  for (let steps = 0; steps < 16; steps++) {
    const leaving = new AbortController();
    using _watched = onRead(() => {
      const leave = async () => {
        for (let step = 0; step < steps; step++) await null;
        leaving.abort(new Error("left"));
      };
      void leave();
    });
    using client = new EngineClient(engine.path);
    await client.getJob({ jobId }, context(leaving.signal)).catch(() => {});
    assert.deepEqual(await client.getJob({ jobId }, context()), JOB, `after ${steps} steps`);
  }
});

Deno.test("Whoever leaves while a large answer waits for its turn leaves the connection", async () => {
  const [stdout, stderr] = [new Uint8Array(1024 * 1024), new Uint8Array()];
  const page = { stdout, stderr, nextOffset: 0, endOffset: 0, end: true, exitStatus: null };
  await using engine = await TestEngine.start({
    getLogs: () => Promise.resolve(page),
    getJob: () => Promise.resolve(JOB),
  });
  let leaving = new AbortController();
  using made = onRead(() => leaving.abort(new Error("left")));
  await engine.client.getJob({ jobId }, context());
  for (let call = 0; call < 10; call++) {
    leaving = new AbortController();
    const request = { jobId, streams: [], offset: 0, maxBytes: 0 };
    await assert.rejects(engine.client.getLogs(request, context(leaving.signal)), /left/);
    // So many calls at a time make no more than there are, once all of these are back.
    await until(async () => {
      const { count } = made;
      const calls = Array.from({ length: count }, () => engine.client.getJob({ jobId }, context()));
      await Promise.all(calls);
      return made.count === count;
    });
  }
});

Deno.test("A client that is disposed of keeps no connection for a caller who leaves", async () => {
  const [called, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<typeof JOB>()];
  await using engine = await TestEngine.start({
    getJob: () => {
      called.resolve();
      return answer.promise;
    },
  });
  const leaving = new AbortController();
  const left = assert.rejects(engine.client.getJob({ jobId }, context(leaving.signal)), /left/);
  await soon(called.promise, () => "the call");
  engine.client[Symbol.dispose]();
  leaving.abort(new Error("left"));
  // A timer that is left over is found by the test runner.
  await left;
  answer.resolve(JOB);
});

Deno.test("A connection on which an engine does not hear that somebody has left is closed", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/engine.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  using client = new EngineClient(path);
  const leaving = new AbortController();
  const left = assert.rejects(
    client.waitJob({ jobId }, context(leaving.signal)),
    { message: "left" },
  );
  using connection = await listener.accept();
  await connection.write(encodeFrame(GREETING));
  const said: unknown[] = [];
  const frames = new FrameConnection(connection);
  for await (const { head } of frames.frames()) {
    said.push(head);
    if (Object(head).method === "waitJob") {
      leaving.abort(new Error("left"));
      await left;
    }
  }
  const caller = CALLER;
  assert.deepEqual(said, [GREETING, { method: "waitJob", caller, request: { jobId } }, LEFT]);
});

Deno.test("An engine that ends does not wait for a reader who stalls", async () => {
  await using engine = await TestEngine.start({
    async *streamLogs() {
      for (;;) yield await Promise.resolve(batchOf(0, new Uint8Array(65_536)));
    },
  });
  const batches = engine.client.streamLogs(LOGS, context())[Symbol.asyncIterator]();
  await batches.next();
  await soon(engine.close(), () => "the end of the engine");
  await assert.rejects(async () => {
    while (!(await batches.next()).done);
  }, { code: "unavailable" });
});

/** The frame with this head, whatever it is. */
function frameOf(head: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const json = typeof head === "string" ? new TextEncoder().encode(head) : head;
  return concat([prefixOf(json.byteLength, 0), new Uint8Array(json)]);
}

function prefixOf(headBytes: number, bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint32Array([headBytes, bytes]).buffer);
}
