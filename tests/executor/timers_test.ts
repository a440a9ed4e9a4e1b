import { KillTimer } from "../../lib/executor/kill_timer.ts";
import { TimeLimit } from "../../lib/executor/time_limit.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";

Deno.test("KillTimer calls back once, at the earliest of its deadlines", () => {
  using timers = new FakeTimers();
  let due = 0;
  const timer = new KillTimer(() => due++);
  assert.equal(timer.isDue, false);
  timer.schedule(1_000);
  timer.schedule(5_000);
  assert.equal(timers.next, 1_000);
  timers.pass(400);
  timer.schedule(500);
  assert.deepEqual([timers.next, timers.pending], [500, 1]);
  timers.pass(499);
  assert.deepEqual([due, timer.isDue], [0, false]);
  timers.pass(1);
  assert.deepEqual([due, timer.isDue], [1, true]);
  timer.schedule(100);
  assert.equal(timers.pending, 0, "A later deadline than one that has passed is none");
  assert.equal(due, 1);
});

Deno.test("KillTimer calls back no more once it is stopped, and what was due stays due", () => {
  using timers = new FakeTimers();
  let due = 0;
  const timer = new KillTimer(() => due++);
  timer.schedule(1_000);
  timer.stop();
  timers.pass(2_000);
  assert.deepEqual([due, timer.isDue, timers.pending], [0, true, 0]);
  const now = new KillTimer(() => due++);
  now.schedule(0);
  assert.equal(now.isDue, true, "It is due before anybody is called");
  timers.pass(0);
  assert.equal(due, 1);
});

Deno.test("TimeLimit calls back so long after it was made, however often that is changed", () => {
  using timers = new FakeTimers();
  let reached = 0;
  const limit = new TimeLimit(() => reached++);
  assert.deepEqual([limit.ms, timers.pending], [0, 0]);
  timers.pass(300);
  limit.set(1_000);
  assert.deepEqual([limit.ms, timers.next], [1_000, 700]);
  limit.set(2_000);
  assert.deepEqual([timers.next, timers.pending], [1_700, 1]);
  timers.pass(700);
  limit.set(0);
  timers.pass(10_000);
  assert.deepEqual([reached, timers.pending], [0, 0]);
  assert.equal(limit.elapsedMs, 11_000);
  limit.set(5_000);
  assert.equal(timers.next, 0, "That has passed");
  timers.pass(0);
  assert.equal(reached, 1);
});

Deno.test("TimeLimit waits for longer than any timer can", () => {
  using timers = new FakeTimers();
  let reached = 0;
  const limit = new TimeLimit(() => reached++);
  const month = 31 * 24 * 60 * 60 * 1_000;
  limit.set(month);
  assert.ok(timers.next < 2 ** 31);
  timers.pass(month - 1);
  assert.equal(reached, 0);
  timers.pass(1);
  assert.equal(reached, 1);
  limit.set(2 * month);
  limit.stop();
  timers.pass(3 * month);
  assert.equal(reached, 1);
});
