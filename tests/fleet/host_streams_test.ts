/** Streams and long waits through a bus that loses what it likes. */

import { abortable } from "../../lib/async/abortable.ts";
import { delay } from "../../lib/async/delay.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { Job, LogBatch } from "../../lib/service/job_service.ts";
import { encodeFrame } from "../../lib/net/frames.ts";
import { assert } from "../assert.ts";
import { context } from "../engine/fixture.ts";
import { fc, seeded } from "../random.ts";
import { WHOLE_JOB, WHOLE_RUNNING_JOB } from "../service/samples.ts";
import { soon } from "../soon.ts";
import { envelopeOf, failureOf, forge, TestFleet, timedOut } from "./fixture.ts";
import { FOLLOW, readWhole, TestLog } from "./test_log.ts";

const { jobId } = WHOLE_JOB;
/** What a service does that has nothing to say. */
function untilLeft(signal: AbortSignal): Promise<never> {
  return abortable(new Promise<never>(() => {}), signal);
}

Deno.test("A log arrives whole and once, whatever of calls and answers is lost, and whoever starts again", async () => {
  const random = seeded("fleet losses");
  const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.double({ min: 0, max: 0.4, noNaN: true }), async (sizes, loss) => {
      const log = new TestLog(sizes, () => delay(random() < 0.3 ? 4 : 0));
      await using fleet = new TestFleet({
        streamLogs: (request, context) => log.read(request, context),
      }, { door: { pageWaitMs: 3 } });
      fleet.carry = async ({ method, bytes }, deliver) => {
        if (random() < loss) throw timedOut();
        if (random() < loss / 4) await fleet.restart();
        const answer = await deliver(method, bytes);
        if (random() < loss) throw timedOut();
        return answer;
      };
      assert.deepEqual(await readWhole(fleet.client.streamLogs(FOLLOW, context())), log.bytes);
      assert.deepEqual(fleet.faults, []);
    }),
    { numRuns: 12 },
  );
});

Deno.test("A stream is opened once at the host, however many pages it takes, and is ended there", async () => {
  const log = new TestLog([10, 10, 300_000, 10, 10], async (signal) => {
    // There are pages without anything on them before each part.
    const before = fleet.carried.length;
    while (fleet.carried.length < before + 4) await delay(1, { signal });
  });
  await using fleet: TestFleet = new TestFleet({
    streamLogs: (request, context) => log.read(request, context),
  }, { door: { pageWaitMs: 3 } });
  assert.deepEqual(await readWhole(fleet.client.streamLogs(FOLLOW, context())), log.bytes);
  assert.equal(log.opened, 1);
  assert.equal(log.left, 0);
});

Deno.test("A call whose answer was lost is made again from where the reader is", async () => {
  // The second part only comes when it is read again.
  const log: TestLog = new TestLog([10, 20, 30], async (signal) => {
    while (log.asked === 1 && log.opened === 1) await delay(1, { signal });
  });
  await using fleet = new TestFleet({
    streamLogs: (request, context) => log.read(request, context),
  }, { door: { pageWaitMs: 3 } });
  await fleet.client.reach(context());
  let answers = 0;
  fleet.carry = async ({ method, bytes }, deliver) => {
    const answer = await deliver(method, bytes);
    if (++answers === 1) throw timedOut();
    return answer;
  };
  assert.deepEqual(await readWhole(fleet.client.streamLogs(FOLLOW, context())), log.bytes);
  assert.equal(log.opened, 2);
  assert.equal(log.left, 1);
});

Deno.test("A page holds what is there, up to its size", async () => {
  const log = new TestLog(Array(200).fill(4096));
  await using fleet = new TestFleet({
    streamLogs: (request, context) => log.read(request, context),
  });
  assert.deepEqual(await readWhole(fleet.client.streamLogs(FOLLOW, context())), log.bytes);
  // Calls, and answers without a page, are small; and of two pages that are sealed at a time, either may be first.
  const sizes = fleet.carried.map(({ bytes }) => bytes.byteLength).filter((size) => size > 8192)
    .toSorted((one, other) => other - one);
  // The last page has what is left.
  for (const size of sizes.slice(0, -1)) {
    assert.ok(size >= 256 * 1024 && size < 270 * 1024, `a page has ${size} bytes`);
  }
  assert.equal(sizes.length, 4);
});

Deno.test("Of a log that nobody reads on, no more than two pages are fetched", async () => {
  const log = new TestLog(Array(200).fill(64 * 1024));
  await using fleet = new TestFleet({
    streamLogs: (request, context) => log.read(request, context),
  });
  const reader = fleet.client.streamLogs(FOLLOW, context())[Symbol.asyncIterator]();
  await reader.next();
  const page = 256 / 64;
  while (log.asked < 2 * page) await delay(1);
  // Nothing more comes, however long that is.
  await delay(30);
  assert.equal(log.asked, 2 * page);
  await reader.return?.();
});

Deno.test("A stream that is not read for long takes nothing at the host, and goes on where it was", async () => {
  const log = new TestLog(Array(20).fill(64 * 1024));
  await using fleet = new TestFleet({
    streamLogs: (request, context) => log.read(request, context),
  }, { door: { idleMs: 10 } });
  const batches = fleet.client.streamLogs(FOLLOW, context());
  async function* slowly(): AsyncGenerator<LogBatch, void, undefined> {
    let count = 0;
    for await (const batch of batches) {
      yield batch;
      if (++count !== 1) continue;
      while (log.left === 0) await delay(5);
    }
  }
  const whole = soon(readWhole(slowly()), () => "the log does not end");
  assert.deepEqual(await whole, log.bytes);
  assert.ok(log.opened >= 2);
});

Deno.test("The next page of a call is only for its own caller, and only the next one", async () => {
  const seen: string[] = [];
  await using fleet = new TestFleet({
    async *watchJobs(_request, { caller, signal }) {
      seen.push(caller.identity.user);
      yield WHOLE_RUNNING_JOB;
      await untilLeft(signal);
    },
  }, { door: { pageWaitMs: 3 } });
  const { signal } = new AbortController();
  const { epoch } = envelopeOf(await fleet.door.answer("getJob", await forge(), signal));
  const callId = crypto.randomUUID();
  const fetch = async (user: string, page: number) => {
    const { caller } = context(undefined, user);
    const body = encodeFrame({ caller, request: { filter: {} }, page });
    const call = await forge({ envelope: { method: "watchJobs", callId, epoch }, body });
    envelopeOf(await fleet.door.answer("watchJobs", call, signal));
  };
  await fetch("alice", 0);
  await fetch("alice", 1);
  await fetch("bob", 2);
  await fetch("bob", 3);
  await fetch("bob", 3);
  assert.deepEqual(seen, ["alice", "bob", "bob"]);
});

Deno.test("A watch tells each job as it is in the end, whatever is lost", async () => {
  const random = seeded("fleet watch");
  const jobs = new Map<string, Job>();
  const changed = new EventTarget();
  const set = (job: Job) => {
    jobs.set(job.jobId, job);
    changed.dispatchEvent(new CustomEvent("job", { detail: job }));
  };
  await using fleet = new TestFleet({
    async *watchJobs(_request, { signal }) {
      const queue: Job[] = [...jobs.values()];
      let wake = () => {};
      const onJob = (event: Event) => {
        queue.push((event as CustomEvent<Job>).detail);
        wake();
      };
      changed.addEventListener("job", onJob);
      signal.addEventListener("abort", () => wake());
      try {
        for (;;) {
          const woken = new Promise<void>((resolve) => wake = resolve);
          for (let job = queue.shift(); job !== undefined; job = queue.shift()) yield job;
          signal.throwIfAborted();
          await woken;
        }
      } finally {
        changed.removeEventListener("job", onJob);
      }
    },
  }, { door: { pageWaitMs: 3 } });
  fleet.carry = async ({ method, bytes }, deliver) => {
    if (random() < 0.15) throw timedOut();
    const answer = await deliver(method, bytes);
    if (random() < 0.15) throw timedOut();
    return answer;
  };
  const ids = Array.from({ length: 20 }, (_, n) => `${jobId.slice(0, -2)}${String(n + 10)}`);
  for (const id of ids) set({ ...WHOLE_RUNNING_JOB, jobId: id });
  const left = new Set(ids);
  const ends = (async () => {
    for (const id of ids) {
      await delay(2);
      set({ ...WHOLE_JOB, jobId: id });
    }
  })();
  for await (const job of fleet.client.watchJobs({ filter: {} }, context())) {
    if (job.end !== null) left.delete(job.jobId);
    if (left.size === 0) break;
  }
  await ends;
});

Deno.test("A wait lasts as long as the job, over any number of calls that each last a moment", async () => {
  const ended = Promise.withResolvers<Job>();
  let waits = 0;
  await using fleet = new TestFleet({
    waitJob() {
      waits++;
      return ended.promise;
    },
  }, { door: { pageWaitMs: 2 } });
  const waiting = fleet.client.waitJob({ jobId }, context());
  while (fleet.carried.length < 20) await delay(1);
  ended.resolve(WHOLE_JOB);
  assert.deepEqual(await soon(waiting, () => "the wait goes on"), WHOLE_JOB);
  assert.equal(waits, 1);
});

Deno.test("Input that waits for its job is taken once, whatever is lost", async () => {
  const random = seeded("fleet input");
  const taken: number[] = [];
  await using fleet = new TestFleet({
    async writeInput({ offset, data }) {
      await delay(5);
      for (const byte of data.subarray(Math.max(0, taken.length - offset))) taken.push(byte);
      return { accepted: taken.length };
    },
  }, { door: { pageWaitMs: 2 } });
  fleet.carry = async ({ method, bytes }, deliver) => {
    if (random() < 0.2) throw timedOut();
    const answer = await deliver(method, bytes);
    if (random() < 0.2) throw timedOut();
    return answer;
  };
  for (let offset = 0; offset < 60; offset += 10) {
    const data = Uint8Array.from({ length: 10 }, (_, n) => offset + n);
    const { accepted } = await fleet.client.writeInput(
      { jobId, offset, data, end: false },
      context(),
    );
    assert.equal(accepted, offset + 10);
  }
  assert.deepEqual(taken, Array.from({ length: 60 }, (_, n) => n));
});

Deno.test("A host that shuts down ends its calls, and a follower goes on with the next engine", async () => {
  const log = new TestLog([10, 20, 30], () => delay(3));
  const begun = Promise.withResolvers<void>();
  await using fleet = new TestFleet({
    async *streamLogs(request, context) {
      for await (const batch of log.read(request, context)) {
        yield batch;
        begun.resolve();
      }
    },
  });
  const whole = readWhole(fleet.client.streamLogs(FOLLOW, context()));
  await begun.promise;
  await fleet.restart();
  assert.deepEqual(await soon(whole, () => "the log does not end"), log.bytes);
  assert.equal(log.opened, 2);
});

Deno.test("A follower gives up when a host does not answer for long, and says why", async () => {
  await using fleet = new TestFleet({}, { client: { patienceMs: 1 } });
  let calls = 0;
  fleet.carry = () => {
    calls++;
    return Promise.reject(timedOut());
  };
  const error = await failureOf(Array.fromAsync(fleet.client.streamLogs(FOLLOW, context())));
  assert.deepEqual([error.code, error.message], ["deadline_exceeded", "No answer within 20 s"]);
  assert.ok(calls >= 2);
});

Deno.test("The calls of a host are bounded, all together and of one user", async () => {
  let open = 0;
  await using fleet = new TestFleet({
    getJob: () => Promise.resolve(WHOLE_JOB),
    async waitJob(_request, { signal }) {
      open++;
      return await untilLeft(signal).finally(() => open--);
    },
  }, { door: { maxCalls: 16 } });
  const leave = new AbortController();
  const wait = (user: string) => fleet.client.waitJob({ jobId }, context(leave.signal, user));
  await fleet.client.reach(context());
  const waits = ["alice", "bob"].flatMap((user) => Array.from({ length: 4 }, () => wait(user)));
  while (open < 8) await delay(1);
  const error = await failureOf(wait("alice"));
  assert.deepEqual(
    [error.code, error.message],
    ["resource_exhausted", 'More than 4 calls of user "alice" at once'],
  );
  // What is brief gets through.
  assert.deepEqual(await fleet.client.getJob({ jobId }, context(undefined, "alice")), WHOLE_JOB);
  leave.abort(new JobWorkerError("cancelled", "Gone"));
  await Promise.allSettled(waits);
  while (open > 0) await delay(1);
  const again = new AbortController();
  const waiting = fleet.client.waitJob({ jobId }, context(again.signal, "alice"));
  while (open < 1) await delay(1);
  again.abort(new JobWorkerError("cancelled", "Gone"));
  await assert.rejects(waiting, { message: "Gone" });
});
