import { JobWorkerError } from "../../lib/errors.ts";
import { Reconnection } from "../../lib/net/reconnection.ts";
import { assert } from "../assert.ts";

/** How often a call is made again whose connection breaks each time after so long, without a word. */
async function reconnections(lastedMs: number, maxAttempts = 4): Promise<number> {
  const options = { timeoutMs: 60_000, maxAttempts };
  const { now } = performance;
  let time = 0;
  performance.now = () => time;
  try {
    const reconnection = new Reconnection(options, {});
    for (let breaks = 0; breaks < 8; breaks++) {
      time += lastedMs;
      try {
        await reconnection.recover(new JobWorkerError("unavailable", "Broken"));
      } catch {
        return breaks;
      }
    }
    return Infinity;
  } finally {
    performance.now = now;
  }
}

Deno.test("Reconnection counts anew after a connection that held, even if nothing came over it", async () => {
  assert.equal(await reconnections(3_600_000), Infinity);
  assert.equal(await reconnections(5_000), Infinity);
  assert.equal(await reconnections(4_999), 3);
  assert.equal(
    await reconnections(3_600_000, Infinity),
    Infinity,
    "not even long after the first failure",
  );
});

Deno.test("Reconnection doubles its pauses up to a limit, and begins anew after a success", async () => {
  const { setTimeout, Math: { random } } = globalThis;
  const pauses: number[] = [];
  const reconnection = new Reconnection({ timeoutMs: 3_600_000 }, {});
  const fail = () => reconnection.recover(new JobWorkerError("unavailable", "Broken"));
  Math.random = () => 1;
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    pauses.push(ms);
    return setTimeout(callback, 0);
  }) as typeof setTimeout;
  try {
    for (let failures = 0; failures < 7; failures++) await fail();
    reconnection.succeeded();
    await fail();
  } finally {
    Object.assign(globalThis, { setTimeout });
    Math.random = random;
  }
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 2000, 2000, 100]);
});
