/**
 * What the engine lets in: how many calls, of whom, and how much it reads at once.
 *
 * @module
 */

import { abortable } from "../../lib/async/abortable.ts";
import { delay } from "../../lib/async/delay.ts";
import { encodeCall } from "../../lib/engine/messages.ts";
import type { CallContext, Job } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { encodeFrame } from "../../lib/net/frames.ts";
import { JOB } from "../grpc/fixture.ts";
import { soon } from "../soon.ts";
import { rejection, until } from "../worker/fixture.ts";
import { context, TestEngine } from "./fixture.ts";

const { jobId } = JOB;

/** A service of which calls that wait do so until their callers leave. */
const SERVICE = {
  getJob: () => Promise.resolve(JOB),
  stopJob: () => Promise.resolve(JOB),
  async waitJob(_request: unknown, { signal }: CallContext): Promise<Job> {
    await delay(2 ** 30, { signal });
    return JOB;
  },
};

/** A page of a log without anything on it. */
const PAGE = {
  stdout: new Uint8Array(),
  stderr: new Uint8Array(),
  nextOffset: 0,
  endOffset: 0,
  end: true,
  exitStatus: null,
};

/** A start whose request takes about so many bytes. */
function largeStart(bytes: number) {
  const command = { ...JOB.command, args: ["x".repeat(bytes)] };
  return { command, labels: {}, requestId: "" };
}

/** Whether the engine refuses a call because there are too many. */
async function isFull(engine: TestEngine): Promise<boolean> {
  try {
    await engine.client.getJob({ jobId }, context());
    return false;
  } catch (error) {
    assert.match(String(error), /More than 1 calls at once/);
    return true;
  }
}

Deno.test("One user's calls keep nobody else out, and the error names the limit", async () => {
  await using engine = await TestEngine.start(SERVICE, { maxCalls: 16 });
  const leaving = new AbortController();
  const calls = Array.from(
    { length: 50 },
    () => rejection(engine.client.waitJob({ jobId }, context(leaving.signal, "vera"))),
  );
  const refused = await rejection(Promise.race(calls).then((error) => Promise.reject(error)));
  assert.match(String(refused), /More than 4 calls of user "vera" at once/);
  const stop = { jobId, stopSignal: "", gracePeriodMs: null };
  assert.deepEqual(await engine.client.stopJob(stop, context(undefined, "alice")), JOB);
  leaving.abort(new Error("left"));
  const errors = await Promise.all(calls);
  assert.equal(errors.filter((error) => error === leaving.signal.reason).length, 4);
  await until(async () => {
    const call = engine.client.getJob({ jobId }, context(undefined, "vera"));
    return await call.then(() => true, () => false);
  });
});

Deno.test("One who waits for as many jobs as a user may can still stop one", async () => {
  await using engine = await TestEngine.start(SERVICE, { maxCalls: 64 });
  const leaving = new AbortController();
  const waiting = Array.from(
    { length: 17 },
    () => rejection(engine.client.waitJob({ jobId }, context(leaving.signal, "vera"))),
  );
  const refused = await Promise.race(waiting);
  assert.match(String(refused), /More than 16 calls of user "vera" at once/);
  const stop = { jobId, stopSignal: "", gracePeriodMs: null };
  assert.deepEqual(await engine.client.stopJob(stop, context(undefined, "vera")), JOB);
  leaving.abort(new Error("left"));
  await Promise.all(waiting);
});

/** A service whose calls wait until they are released, and that knows how many there were at once. */
class WaitingService {
  readonly users: string[] = [];
  open = 0;
  most = 0;
  readonly #released = Promise.withResolvers<void>();

  readonly getJob = async (_request: unknown, { caller }: CallContext): Promise<Job> => {
    this.users.push(caller.identity.user);
    this.most = Math.max(this.most, ++this.open);
    await this.#released.promise;
    this.open--;
    return JOB;
  };

  release(): void {
    this.#released.resolve();
  }
}

Deno.test("Calls wait in order for a connection, of which a gateway has so many and no more", async () => {
  const service = new WaitingService();
  await using engine = await TestEngine.start({ getJob: service.getJob }, { maxConnections: 8 });
  const users = ["vera", "olga", "alice", "bob"].flatMap((user) => [user, user, user, user]);
  const calls = users.map((user) => engine.client.getJob({ jobId }, context(undefined, user)));
  const leaving = new AbortController();
  const left = rejection(engine.client.getJob({ jobId }, context(leaving.signal, "carol")));
  await until(() => Promise.resolve(service.open === 8));
  leaving.abort(new Error("left"));
  assert.equal(await left, leaving.signal.reason);
  service.release();
  assert.deepEqual(await Promise.all(calls), Array(16).fill(JOB));
  assert.equal(service.most, 8);
  assert.deepEqual(service.users.slice(0, 8).toSorted(), users.slice(0, 8).toSorted());
  assert.equal(service.users.length, 16, "Who has left has called nobody");
});

Deno.test("One user has half of the connections of a gateway at most", async () => {
  const service = new WaitingService();
  await using engine = await TestEngine.start({ getJob: service.getJob }, { maxConnections: 8 });
  const call = (user: string) => engine.client.getJob({ jobId }, context(undefined, user));
  const calls = Array.from({ length: 4 }, () => call("vera"));
  assert.match(String(await rejection(call("vera"))), /More than 4 calls of user "vera" at once/);
  const other = call("alice");
  await until(() => Promise.resolve(service.open === 5));
  service.release();
  assert.deepEqual(await Promise.all([...calls, other]), Array(5).fill(JOB));
  assert.deepEqual(await call("vera"), JOB);
});

Deno.test("A large request is refused for too many calls, too", async () => {
  await using engine = await TestEngine.start(SERVICE, { maxCalls: 1 });
  const leaving = new AbortController();
  const waiting = rejection(engine.client.waitJob({ jobId }, context(leaving.signal)));
  await until(() => isFull(engine));
  const error = await rejection(engine.client.startJob(largeStart(20_000_000), context()));
  assert.match(String(error), /More than 1 calls at once/);
  leaving.abort(new Error("left"));
  await waiting;
});

Deno.test("Large requests wait until there is room for them, and do not hold up small ones", async () => {
  const started: (() => void)[] = [];
  await using engine = await TestEngine.start({
    ...SERVICE,
    async startJob(_request, { signal }) {
      const { promise, resolve } = Promise.withResolvers<void>();
      started.push(resolve);
      await abortable(promise, signal);
      return JOB;
    },
  });
  // Three of them fit into 64 MiB.
  const starts = Array.from(
    { length: 5 },
    () => engine.client.startJob(largeStart(20_000_000), context()),
  );
  await until(() => Promise.resolve(started.length === 3));
  for (let n = 0; n < 100; n++) {
    await soon(engine.client.getJob({ jobId }, context()), () => "a small call");
  }
  const ofBytes = (bytes: number, signal?: AbortSignal) => {
    const call = context(signal);
    const [head] = encodeCall("getJob", { jobId: "" }, call.caller);
    const rest = bytes - encodeFrame(head).byteLength;
    return engine.client.getJob({ jobId: "x".repeat(rest) }, call);
  };
  await soon(ofBytes(16 * 1024, undefined), () => "the largest small call");
  const leaving = new AbortController();
  const larger = rejection(ofBytes(16 * 1024 + 1, leaving.signal));
  await soon(engine.client.getJob({ jobId }, context()), () => "a call behind one that waits");
  leaving.abort(new Error("left"));
  assert.equal(await larger, leaving.signal.reason);
  assert.equal(started.length, 3);
  started.splice(0, 1)[0]?.();
  await until(() => Promise.resolve(started.length === 3));
  for (let ended = 0; ended < 4; ended++) {
    await until(() => Promise.resolve(started.length > 0));
    started.shift()?.();
  }
  assert.deepEqual(await Promise.all(starts), Array(5).fill(JOB));
});

Deno.test("The requests of long calls take no room once they have been read", async () => {
  let watched = 0;
  await using engine = await TestEngine.start({
    ...SERVICE,
    async *watchJobs(_request, { signal }) {
      watched++;
      await delay(2 ** 30, { signal });
      yield JOB;
    },
  });
  const leaving = new AbortController();
  const filter = { owner: "x".repeat(20_000_000) };
  const watches = Array.from(
    { length: 5 },
    () => rejection(Array.fromAsync(engine.client.watchJobs({ filter }, context(leaving.signal)))),
  );
  await until(() => Promise.resolve(watched === 5));
  leaving.abort(new Error("left"));
  await Promise.all(watches);
});

Deno.test("A caller who leaves while the request is read is no fault of ours", async () => {
  await using engine = await TestEngine.start(SERVICE, { maxCalls: 1 });
  for (const length of [16 * 1024, 1_000_000]) {
    const connection = await engine.send(encodeFrame("x".repeat(length)).subarray(0, 9));
    // When the greeting is here, the call behind ours has been let in.
    await connection.read(new Uint8Array(100));
    assert.ok(await isFull(engine));
    connection.close();
    await until(async () => !await isFull(engine));
  }
  assert.deepEqual(engine.faults, []);
});

Deno.test("Calls that are abandoned at any moment count only for as long as they last", async () => {
  await using engine = await TestEngine.start(SERVICE, { maxCalls: 100, maxCallsPerUser: 100 });
  for (let round = 0; round < 5; round++) {
    const calls = Array.from({ length: 60 }, async (_, n) => {
      const leaving = new AbortController();
      const call = rejection(engine.client.waitJob({ jobId }, context(leaving.signal)));
      for (let turn = 0; turn < n; turn++) await Promise.resolve();
      if (n % 3 === 0) await engine.client.getJob({ jobId }, context()).catch(() => {});
      leaving.abort(new Error("left"));
      await call;
    });
    await Promise.all(calls);
  }
  const all = async () => {
    const calls = Array.from({ length: 100 }, () => engine.client.getJob({ jobId }, context()));
    const results = await Promise.allSettled(calls);
    return results.every(({ status }) => status === "fulfilled");
  };
  await until(all);
  assert.deepEqual(engine.faults, []);
});

Deno.test("Large requests are refused when too many wait already, and small ones are not", async () => {
  const ended = Promise.withResolvers<void>();
  await using engine = await TestEngine.start({
    ...SERVICE,
    async startJob(_request, { signal }) {
      await abortable(ended.promise, signal);
      return JOB;
    },
  });
  const codes: unknown[] = [];
  // Three are let in, and six wait.
  const starts = Array.from({ length: 12 }, async () => {
    const start = engine.client.startJob(largeStart(20_000_000), context());
    await start.catch(({ code }) => codes.push(code));
  });
  await until(() => Promise.resolve(codes.length === 3));
  assert.deepEqual(
    await soon(engine.client.getJob({ jobId }, context()), () => "a small call"),
    JOB,
  );
  ended.resolve();
  await Promise.all(starts);
  assert.deepEqual(codes, Array(3).fill("resource_exhausted"));
});

Deno.test("Pages of one user go two at a time until they are passed on, and nobody else waits", async () => {
  const asked: string[] = [];
  await using engine = await TestEngine.start({
    getLogs(_request, { caller }) {
      asked.push(caller.identity.user);
      // More than any socket holds.
      return Promise.resolve({ ...PAGE, stdout: new Uint8Array(16 * 1024 * 1024) });
    },
  });
  const page = { jobId, streams: [], offset: 0, maxBytes: 0 };
  const getLogs = async (user: string, signal?: AbortSignal) => {
    const { stdout } = await engine.client.getLogs(page, context(signal, user));
    return stdout.byteLength;
  };
  // Two that are not read.
  const { caller } = context(undefined, "vera");
  const call = encodeFrame({ method: "getLogs", caller, request: page });
  const stalled = [1, 2].map(() => engine.send(call));
  const connections = await Promise.all(stalled);
  await until(() => Promise.resolve(asked.length === 2));
  const leaving = new AbortController();
  const left = rejection(getLogs("vera", leaving.signal));
  const third = getLogs("vera");
  assert.equal(await soon(getLogs("alice"), () => "a page for another user"), 16 * 1024 * 1024);
  leaving.abort(new Error("left"));
  assert.equal(await left, leaving.signal.reason);
  assert.deepEqual(asked, ["vera", "vera", "alice"]);
  connections[0]?.close();
  assert.equal(await soon(third, () => "the next page"), 16 * 1024 * 1024);
  connections[1]?.close();
});
