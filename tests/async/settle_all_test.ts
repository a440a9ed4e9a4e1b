import { assert, assertEquals } from "@std/assert";
import { settleAll } from "../../lib/async/settle_all.ts";

Deno.test("settleAll() waits for all, and then throws the first reason", async () => {
  const [first, second, last] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  assert(first && second && last);
  let reason: unknown = null;
  const settled = settleAll([last.promise, first.promise, second.promise])
    .catch((error) => reason = error);
  second.reject("second");
  first.reject("first");
  for (let turn = 0; turn < 20; turn++) await null;
  assertEquals(reason, null);
  last.resolve();
  await settled;
  assertEquals(reason, "first");
  await settleAll([]);
});
