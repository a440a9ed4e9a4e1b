import { assertEquals, assertStrictEquals } from "@std/assert";
import { Semaphore } from "../../lib/async/semaphore.ts";
import { rejection } from "../worker/fixture.ts";

const refusal = "Too many wait";

/** Takes a share and notes when it is there. */
function taker(semaphore: Semaphore) {
  const granted: string[] = [];
  const take = async (name: string, amount: number, signal?: AbortSignal) => {
    const share = await semaphore.acquire(amount, signal);
    granted.push(name);
    return share;
  };
  return { granted, take };
}

Deno.test("Semaphore gives no more than there is, to those who came first, and takes it back", async () => {
  const { granted, take } = taker(new Semaphore({ total: 10, maxWaiting: 11, refusal }));
  const first = await take("6", 6);
  const second = await take("4", 4);
  // The last would fit before the one that came before it.
  const shares = [take("all", 10), take("1", 1)];
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  assertEquals(granted, ["6", "4"]);
  first[Symbol.dispose]();
  const all = await shares[0];
  assertEquals(granted, ["6", "4", "all"]);
  all?.[Symbol.dispose]();
  await shares[1];
  assertEquals(granted, ["6", "4", "all", "1"]);
});

Deno.test("Semaphore gives all there is to whoever asks for more", async () => {
  const semaphore = new Semaphore({ total: 10, maxWaiting: 1, refusal });
  {
    using _share = await semaphore.acquire(11);
    assertEquals(await Promise.race([semaphore.acquire(1), Promise.resolve("waits")]), "waits");
  }
});

Deno.test("Semaphore refuses those who would wait behind too much", async () => {
  const semaphore = new Semaphore({ total: 2, maxWaiting: 3, refusal });
  const share = await semaphore.acquire(2);
  const waiting = [semaphore.acquire(2), semaphore.acquire(1)];
  const error = await rejection(semaphore.acquire(1));
  assertEquals(
    error,
    Object.assign(error as Error, { code: "resource_exhausted", message: refusal }),
  );
  share[Symbol.dispose]();
  for (const next of waiting) (await next)[Symbol.dispose]();
  using _free = await semaphore.acquire(2);
});

Deno.test("Semaphore forgets those who no longer want to wait, and serves those behind them", async () => {
  const { granted, take } = taker(new Semaphore({ total: 10, maxWaiting: 14, refusal }));
  using _held = await take("6", 6);
  const leaving = new AbortController();
  const left = rejection(take("left", 10, leaving.signal));
  const next = take("next", 4);
  const reason = new Error("No longer");
  leaving.abort(reason);
  assertStrictEquals(await left, reason);
  using _next = await next;
  assertEquals(granted, ["6", "next"]);
  assertStrictEquals(await rejection(take("too late", 1, leaving.signal)), reason);
});
