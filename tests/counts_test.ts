import { Counts } from "../lib/counts.ts";
import { assert } from "./assert.ts";

Deno.test("Counts count for each key by itself, and from nothing again once all is given back", () => {
  const counts = new Counts<string>();
  counts.add("a", 2);
  counts.add("b", 5);
  counts.add("a", -1);
  assert.deepEqual(["a", "b", "c"].map((key) => counts.of(key)), [1, 5, 0]);
  counts.add("a", -1);
  counts.add("a", 3);
  assert.equal(counts.of("a"), 3);
});
