import { quoted } from "../../lib/text/quoted.ts";
import { assert } from "../assert.ts";

Deno.test("quoted() shows every kind of value, and the beginning of a long one", () => {
  assert.equal(quoted("a\0b"), '"a\\u0000b"');
  assert.equal(quoted(NaN), "NaN");
  assert.equal(quoted(1.5), "1.5");
  assert.equal(quoted(null), "null");
  assert.equal(quoted(undefined), "undefined");
  assert.equal(quoted("a".repeat(80)), `"${"a".repeat(80)}"`);
  assert.equal(quoted("a".repeat(81)), `"${"a".repeat(80)}…"`);
  assert.equal(quoted(Array(80).fill(1)), `[${"1,".repeat(39)}1…`);
});
