import { assertEquals } from "@std/assert";
import { RepeatLimit } from "../../lib/async/repeat_limit.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";

/** A limit, and a function that reports to it; what comes of that is listed. */
function limited(maxSubjects = 10) {
  const limit = new RepeatLimit({ max: 2, perMs: 1_000, maxSubjects });
  const made: string[] = [];
  const report = (subject: string, what = subject) => {
    if (limit.admit(subject, (leftOut) => void made.push(`${what} +${leftOut}`))) made.push(what);
  };
  return { limit, report, taken: () => made.splice(0) };
}

Deno.test("RepeatLimit lets some through, and at the end of the period the last of the others", async () => {
  using timers = new FakeTimers();
  const { limit, report, taken } = limited();
  await using _limit = limit;
  for (const what of ["1", "2", "3", "4", "5"]) report("alice", what);
  report("bob");
  assertEquals(taken(), ["1", "2", "bob"]);
  timers.pass(999);
  assertEquals(taken(), []);
  timers.pass(1);
  assertEquals(taken(), ["5 +2"]);
  // A new period, in which nothing is left out and nothing waits.
  report("alice", "6");
  assertEquals([taken(), timers.pending], [["6"], 0]);
});

Deno.test("RepeatLimit ends a period that is over even if its timer is late", async () => {
  using timers = new FakeTimers();
  const { limit, report, taken } = limited();
  await using _limit = limit;
  for (const what of ["1", "2", "3"]) report("alice", what);
  const now = performance.now();
  performance.now = () => now + 1_000;
  report("alice", "4");
  assertEquals(taken(), ["1", "2", "3 +0", "4"]);
  assertEquals(timers.pending, 0);
});

Deno.test("RepeatLimit makes the reports that are due when it is disposed of, and waits for them", async () => {
  const limit = new RepeatLimit({ max: 1, perMs: 1_000_000 });
  let made = -1;
  for (let time = 0; time < 5; time++) {
    limit.admit("alice", async (leftOut) => {
      await new Promise((resolve) => setTimeout(resolve));
      made = leftOut;
    });
  }
  await limit[Symbol.asyncDispose]();
  assertEquals(made, 3);
});

Deno.test("RepeatLimit has one limit for all subjects that are too many, until others are done", async () => {
  using timers = new FakeTimers();
  const { limit, report, taken } = limited(2);
  await using _limit = limit;
  for (const subject of ["a", "b", "c", "d", "e", "f", "a"]) report(subject);
  assertEquals(taken(), ["a", "b", "c", "d", "a"]);
  timers.pass(1_000);
  assertEquals(taken(), ["f +1"]);
  for (const subject of ["g", "g", "h", "h", "i", "i", "i"]) report(subject);
  assertEquals(taken(), ["g", "g", "h", "h", "i", "i"]);
});
