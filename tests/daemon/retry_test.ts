import { retry } from "../../lib/daemon/retry.ts";
import { assert } from "../assert.ts";

const quick = { firstPauseMs: 1, longestPauseMs: 4, signal: new AbortController().signal };

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
      queueMicrotask(() => ending.abort(reason));
      return true;
    };
    const options = { firstPauseMs: 1e6, longestPauseMs: 1e6, signal: ending.signal, again };
    await assert.rejects(retry(attempt, options), reason);
    assert.equal(tries, 1);
  }
});
