import { GatewayUse } from "../../lib/daemon/gateway_use.ts";
import { assert } from "../assert.ts";

Deno.test("GatewayUse is over once nobody is there, and nobody has come between two looks", () => {
  let begun = 0;
  const use = new GatewayUse(() => begun++);
  assert.deepEqual([0, 0].map((connections) => use.isOver(connections)), [false, true]);
  use.note();
  use.note();
  assert.equal(begun, 1);
  assert.deepEqual([1, 1, 0].map((connections) => use.isOver(connections)), [false, false, true]);
  // Nothing is said of those who come before it is asked, but it is not over.
  use.note();
  assert.equal(begun, 2);
  use.note();
  assert.deepEqual([use.isOver(0), use.isOver(0)], [false, true]);
  assert.equal(begun, 2);
});
