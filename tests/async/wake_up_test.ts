import { assertEquals } from "@std/assert";
import { WakeUp } from "../../lib/async/wake_up.ts";

Deno.test("WakeUp.notify() wakes everybody who waits", async () => {
  const wakeUp = new WakeUp();
  const waiting = Array.from({ length: 3 }, () => wakeUp.next());
  wakeUp.notify();
  await Promise.all(waiting);
});

Deno.test("WakeUp.next() waits for the next notify(), not for an earlier one", async () => {
  const wakeUp = new WakeUp();
  wakeUp.notify();
  let woken = false;
  const next = wakeUp.next().then(() => woken = true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(woken, false);
  wakeUp.notify();
  await next;
});

Deno.test("WakeUp misses no change between a look and the wait after it", async () => {
  const wakeUp = new WakeUp();
  const changed = wakeUp.next();
  wakeUp.notify();
  await changed;
});
