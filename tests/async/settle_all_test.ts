import { settleAll } from "../../lib/async/settle_all.ts";
import { assert } from "../assert.ts";

Deno.test("settleAll() waits for all, and then throws the first reason", async () => {
  const [first, second, last] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  assert.ok(first && second && last);
  let reason: unknown = null;
  const settled = settleAll([last.promise, first.promise, second.promise])
    .catch((error) => reason = error);
  second.reject("second");
  first.reject("first");
  for (let turn = 0; turn < 20; turn++) await null;
  assert.equal(reason, null);
  last.resolve();
  await settled;
  assert.equal(reason, "first");
  await settleAll([]);
});
