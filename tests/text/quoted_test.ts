import { assertEquals } from "@std/assert";
import { quoted } from "../../lib/text/quoted.ts";

Deno.test("quoted() shows every kind of value, and the beginning of a long one", () => {
  assertEquals(quoted("a\0b"), '"a\\u0000b"');
  assertEquals(quoted(NaN), "NaN");
  assertEquals(quoted(1.5), "1.5");
  assertEquals(quoted(null), "null");
  assertEquals(quoted(undefined), "undefined");
  assertEquals(quoted("a".repeat(80)), `"${"a".repeat(80)}"`);
  assertEquals(quoted("a".repeat(81)), `"${"a".repeat(80)}…"`);
  assertEquals(quoted(Array(80).fill(1)), `[${"1,".repeat(39)}1…`);
});
