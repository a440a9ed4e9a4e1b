import { assertEquals } from "@std/assert";
import { doubling } from "../../lib/async/doubling.ts";

Deno.test("doubling() begins with the first wait, and stays at the last", () => {
  const next = doubling({ first: 3, last: 20 });
  assertEquals([next(), next(), next(), next(), next()], [3, 6, 12, 20, 20]);
  const other = doubling({ first: 5, last: 5 });
  assertEquals([other(), other()], [5, 5]);
});
