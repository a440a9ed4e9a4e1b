import { Housekeeping } from "../../lib/daemon/housekeeping.ts";
import type { Pruned } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "./fake_timers.ts";

const RETENTION = { maxCount: 3 };
const NOTHING: Pruned = { jobs: [], count: 0, bytes: 0 };

Deno.test("Housekeeping prunes soon after jobs have ended, once for many, and every hour", async () => {
  using timers = new FakeTimers();
  const calls: unknown[] = [];
  const worker = {
    prune: (options: unknown) => {
      calls.push(options);
      return Promise.resolve(NOTHING);
    },
  };
  const housekeeping = new Housekeeping(worker, RETENTION);
  const passed = async (ms: number) => {
    timers.pass(ms);
    // What a timer has begun is done in a few turns.
    for (let turn = 0; turn < 10; turn++) await null;
    return calls.splice(0).length;
  };
  assert.equal(await passed(9_999), 0);
  assert.equal(await passed(1), 1, "At the start: what is kept may have been changed");

  for (let job = 0; job < 100; job++) housekeeping.jobEnded();
  assert.equal(await passed(5_000), 0);
  housekeeping.jobEnded();
  assert.equal(await passed(5_000), 1, "Those that end later do not put it off");

  assert.equal(await passed(3_599_999), 0);
  assert.equal(await passed(1), 1, "Jobs grow old although none ends");

  await housekeeping[Symbol.asyncDispose]();
  housekeeping.jobEnded();
  assert.equal(timers.pending, 0);
});

Deno.test("Housekeeping closes only once what it removes is removed", async () => {
  using timers = new FakeTimers();
  const removing = Promise.withResolvers<void>();
  const pruned = { started: 0, ended: 0 };
  const worker = {
    prune: async () => {
      pruned.started++;
      await removing.promise;
      pruned.ended++;
      return NOTHING;
    },
  };
  const housekeeping = new Housekeeping(worker, RETENTION);
  timers.pass(10_000);
  await null;
  housekeeping.jobEnded();
  timers.pass(10_000);
  await null;
  assert.deepEqual(pruned, { started: 1, ended: 0 }, "One after the other");
  const closed = housekeeping[Symbol.asyncDispose]();
  removing.resolve();
  await closed;
  assert.deepEqual(pruned, { started: 2, ended: 2 });
});

Deno.test("Housekeeping goes on after a prune that failed", async () => {
  using timers = new FakeTimers();
  let calls = 0;
  const worker = {
    prune: () => {
      calls++;
      return Promise.reject(new Error("The disk is on fire"));
    },
  };
  await using housekeeping = new Housekeeping(worker, RETENTION);
  for (let expected = 1; expected < 4; expected++) {
    housekeeping.jobEnded();
    timers.pass(10_000);
    for (let turn = 0; turn < 10; turn++) await null;
    assert.equal(calls, expected);
  }
});
