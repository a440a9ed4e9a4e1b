import { StoreChanges } from "../../lib/worker/store_changes.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";

/** A change that fails for so many times. */
function change(failures: number): { tries: number; made: boolean; make(): Promise<void> } {
  return {
    tries: 0,
    made: false,
    make() {
      if (++this.tries <= failures) return Promise.reject(new Error(`No room ${this.tries}`));
      this.made = true;
      return Promise.resolve();
    },
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await null;
}

Deno.test("StoreChanges.make() makes a change once if that goes well", async () => {
  await using changes = new StoreChanges();
  const wanted = change(0);
  await changes.make(() => wanted.make(), () => assert.fail("Nothing went wrong"));
  assert.deepEqual([wanted.tries, wanted.made], [1, true]);
});

Deno.test("StoreChanges.make() goes on trying, less and less often, and tells the first fault", async () => {
  using timers = new FakeTimers();
  await using changes = new StoreChanges();
  const wanted = change(9);
  const faults: string[] = [];
  await changes.make(() => wanted.make(), (error) => faults.push(String(error)));
  assert.deepEqual([wanted.tries, faults], [1, ["Error: No room 1"]]);
  const waits = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
  for (const [index, wait] of waits.entries()) {
    timers.pass(wait - 1);
    await turns();
    assert.equal(wanted.tries, index + 1);
    timers.pass(1);
    await turns();
    assert.equal(wanted.tries, index + 2);
  }
  assert.ok(wanted.made);
  timers.pass(1_000_000);
  await turns();
  assert.deepEqual([wanted.tries, faults.length, timers.pending], [10, 1, 0]);
});

Deno.test("StoreChanges tries once more when it is closed, and then gives up", async () => {
  using timers = new FakeTimers();
  const changes = new StoreChanges();
  const [late, never] = [change(1), change(Infinity)];
  for (const wanted of [late, never]) await changes.make(() => wanted.make(), () => {});
  await changes[Symbol.asyncDispose]();
  assert.deepEqual([late.tries, late.made], [2, true]);
  assert.deepEqual([never.tries, never.made], [2, false]);
  assert.equal(timers.pending, 0);
});
