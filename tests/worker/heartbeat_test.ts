import { Heartbeat } from "../../lib/worker/heartbeat.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";

Deno.test("Heartbeat beats every five seconds while there is a reason, and again once there is one", async () => {
  using timers = new FakeTimers();
  let beats = 0;
  let jobs = 1;
  await using heartbeat = new Heartbeat(
    () => Promise.resolve(void beats++),
    () => jobs > 0,
  );
  timers.pass(60_000);
  assert.equal(beats, 0, "Nothing has begun");
  heartbeat.begin();
  heartbeat.begin();
  timers.pass(10_000);
  assert.equal(beats, 2);
  jobs = 0;
  timers.pass(60_000);
  assert.deepEqual([beats, timers.pending], [2, 0], "Who has nothing to do is not woken");
  jobs = 1;
  heartbeat.begin();
  timers.pass(5_000);
  assert.equal(beats, 3);
  await heartbeat[Symbol.asyncDispose]();
  assert.equal(timers.pending, 0);
});

Deno.test("Heartbeat is at rest once it is disposed of", async () => {
  using timers = new FakeTimers();
  const { promise, resolve } = Promise.withResolvers<void>();
  const heartbeat = new Heartbeat(() => promise, () => true);
  heartbeat.begin();
  timers.pass(5_000);
  let disposed = false;
  const disposing = heartbeat[Symbol.asyncDispose]().then(() => disposed = true);
  await null;
  assert.equal(disposed, false, "It waits for the last beat");
  resolve();
  await disposing;
});
