import { assert } from "../assert.ts";
import { watchFlushes } from "../failing_flush.ts";
import { TestWorker } from "./fixture.ts";

Deno.test("A job whose log does not get to the disk says so, whenever that is noticed", async () => {
  await using test = await TestWorker.open({ isWithin: true });
  using _flushes = watchFlushes(Infinity);
  const why = "The output cannot be stored: Input/output error";
  const ended = await test.ran("echo hello");
  assert.deepEqual([ended.end?.status, ended.end?.reason], ["done", "exited"]);
  assert.deepEqual([ended.end?.detail, ended.outputTruncated], [why, true]);
  // Nothing runs on whose output cannot be stored.
  const running = await test.ran("echo hello; exec sleep 100");
  assert.deepEqual([running.end?.status, running.end?.reason], ["failed", "log_limit"]);
  assert.deepEqual([running.end?.detail, running.outputTruncated], [why, true]);
  const faults = test.faults.splice(0).map(String);
  assert.deepEqual(faults, Array(2).fill("Error: Input/output error (os error 5)"));
  // With nothing to flush, nothing fails.
  const silent = await test.ran(":");
  assert.deepEqual([silent.end?.detail, silent.outputTruncated], [undefined, false]);
});

Deno.test("A worker at rest flushes nothing", async () => {
  await using test = await TestWorker.open({ isWithin: true });
  using flushes = watchFlushes();
  await test.ran("echo hello");
  const { count } = flushes;
  assert.equal(count, 1);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal(flushes.count, count);
});
