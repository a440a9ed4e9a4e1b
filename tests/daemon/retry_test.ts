import { retry } from "../../lib/daemon/retry.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";

const quick = { pauseMs: { first: 1, last: 4 }, signal: new AbortController().signal };

Deno.test("retry() tries until it succeeds, and tells of each failure", async () => {
  const told: unknown[] = [];
  let tries = 0;
  const attempt = () => ++tries < 4 ? Promise.reject(tries) : Promise.resolve("done");
  const again = (error: unknown) => told.push(error) > 0;
  assert.equal(await retry(attempt, { ...quick, again }), "done");
  assert.deepEqual(told, [1, 2, 3]);
});

Deno.test("retry() gives up with the failure that is not worth another try", async () => {
  let tries = 0;
  const attempt = () => Promise.reject(++tries);
  await assert.rejects(retry(attempt, { ...quick, again: (error) => error !== 3 }), (error) => {
    assert.equal(error, 3);
    return true;
  });
});

Deno.test("retry() waits no longer once it is aborted, and makes no other attempt", async () => {
  for (const when of ["in an attempt", "in a pause"]) {
    const ending = new AbortController();
    const reason = new Error("enough");
    let tries = 0;
    const attempt = () => {
      tries++;
      if (when === "in an attempt") ending.abort(reason);
      return Promise.reject(new Error("failed"));
    };
    const again = () => {
      assert.equal(when, "in a pause", "Nobody is asked once it is aborted");
      queueMicrotask(() => ending.abort(reason));
      return true;
    };
    const options = { pauseMs: { first: 1e6, last: 1e6 }, signal: ending.signal, again };
    await assert.rejects(retry(attempt, options), reason);
    assert.equal(tries, 1);
  }
});

Deno.test("retry() pauses twice as long each time, up to the longest", async () => {
  using timers = new FakeTimers();
  const pauses = [3, 6, 10, 10, 10];
  let tries = 0;
  const attempt = () => ++tries <= pauses.length ? Promise.reject(tries) : Promise.resolve("done");
  const done = retry(attempt, {
    pauseMs: { first: 3, last: 10 },
    signal: new AbortController().signal,
    again: () => true,
  });
  for (const [index, pause] of pauses.entries()) {
    for (const [ms, expected] of [[pause - 1, index + 1], [1, index + 2]] as const) {
      for (let turn = 0; turn < 20; turn++) await null;
      timers.pass(ms);
      for (let turn = 0; turn < 20; turn++) await null;
      assert.equal(tries, expected);
    }
  }
  assert.equal(await done, "done");
});
