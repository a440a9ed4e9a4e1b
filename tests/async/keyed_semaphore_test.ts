import { assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { KeyedSemaphore } from "../../lib/async/keyed_semaphore.ts";
import { rejection } from "../worker/fixture.ts";

Deno.test("KeyedSemaphore lets nobody wait but behind those with the same key", async () => {
  const semaphores = new KeyedSemaphore<string>({ total: 1, maxWaiting: 1, refusal: "Too many" });
  const granted: string[] = [];
  const acquire = async (key: string, signal?: AbortSignal) => {
    const share = await semaphores.acquire(key, 1, signal);
    granted.push(key);
    return share;
  };
  const first = await acquire("alice");
  const second = acquire("alice");
  assertMatch(String(await rejection(acquire("alice"))), /Too many/);
  using _bobs = await acquire("bob");
  assertEquals(granted, ["alice", "bob"]);
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  assertEquals(granted, ["alice", "bob", "alice"]);
});

Deno.test("KeyedSemaphore gives a place back when its holder leaves, or who waits for it", async () => {
  const semaphores = new KeyedSemaphore<string>({ total: 1, maxWaiting: 1, refusal: "Too many" });
  for (let round = 0; round < 3; round++) {
    const leaving = new AbortController();
    using _held = await semaphores.acquire("alice", 1);
    const waiting = rejection(semaphores.acquire("alice", 1, leaving.signal));
    leaving.abort(new Error("left"));
    assertStrictEquals(await waiting, leaving.signal.reason);
  }
});
