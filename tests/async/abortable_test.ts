import { assertEquals, assertStrictEquals } from "@std/assert";
import { abortable } from "../../lib/async/abortable.ts";
import { soon } from "../soon.ts";
import { rejection } from "../worker/fixture.ts";

/** A signal that counts who listens to it. */
function countedSignal(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  let listeners = 0;
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  return { controller, listeners: () => listeners };
}

Deno.test("abortable() settles as the promise does", async () => {
  const { signal } = new AbortController();
  assertEquals(await abortable(Promise.resolve(7)), 7);
  assertEquals(await abortable(Promise.resolve(7), signal), 7);
  const error = new Error("It broke");
  assertStrictEquals(await rejection(abortable(Promise.reject(error))), error);
  assertStrictEquals(await rejection(abortable(Promise.reject(error), signal)), error);
});

Deno.test("abortable() rejects with the reason of its signal, before and while it waits", async () => {
  const never = new Promise(() => {});
  const reason = new Error("No longer");
  const early = rejection(abortable(never, AbortSignal.abort(reason)));
  assertStrictEquals(await soon(early, () => "the reason of an aborted signal", 10_000), reason);
  const controller = new AbortController();
  const waiting = abortable(never, controller.signal);
  controller.abort(reason);
  assertStrictEquals(await rejection(waiting), reason);
});

Deno.test("abortable() takes care of a promise that fails when nobody waits for it any more", async () => {
  const reason = new Error("No longer");
  const failing = Promise.withResolvers<never>();
  const early = rejection(abortable(failing.promise, AbortSignal.abort(reason)));
  assertStrictEquals(await soon(early, () => "the reason of an aborted signal", 10_000), reason);
  // An unhandled rejection would end the test runner.
  failing.reject(new Error("It broke"));
  await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("abortable() leaves no listener behind, however it ends", async () => {
  const { controller, listeners } = countedSignal();
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = abortable(promise, controller.signal);
  assertEquals(listeners(), 1);
  resolve();
  await waiting;
  assertEquals(listeners(), 0);
  await rejection(abortable(Promise.reject(new Error("It broke")), controller.signal));
  assertEquals(listeners(), 0);
  const aborted = rejection(abortable(new Promise(() => {}), controller.signal));
  controller.abort();
  await aborted;
  assertEquals(listeners(), 0);
});
