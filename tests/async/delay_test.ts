import { assertEquals, assertStrictEquals } from "@std/assert";
import { delay } from "../../lib/async/delay.ts";
import { rejection } from "../worker/fixture.ts";

Deno.test("delay() resolves after that time, the shorter one first", async () => {
  const order: string[] = [];
  await Promise.all([
    delay(20).then(() => order.push("later")),
    delay(1).then(() => order.push("sooner")),
  ]);
  assertEquals(order, ["sooner", "later"]);
});

// The sanitizer of operations would report the timer if it were left behind.
Deno.test("delay() ends with the reason of its signal, and leaves no timer", async () => {
  const reason = new Error("No longer");
  const controller = new AbortController();
  const waiting = delay(1_000_000, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await rejection(waiting), reason);
  assertStrictEquals(await rejection(delay(1_000_000, { signal: controller.signal })), reason);
});
