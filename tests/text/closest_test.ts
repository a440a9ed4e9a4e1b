import { assertEquals } from "@std/assert";
import { closest } from "../../lib/text/closest.ts";

Deno.test("closest() finds what is one edit away from a short word, and a third of a long one", () => {
  const cases: [word: string, candidates: string[], best: string | null][] = [
    ["", ["a"], "a"],
    ["", ["ab"], null],
    ["no", ["on"], null],
    ["no", ["so"], "so"],
    ["Ca", ["ca", "key"], "ca"],
    ["kay", ["ca", "key"], "key"],
    ["adress", ["address", "rest-address"], "address"],
    ["abcdef", ["abcdxy"], "abcdxy"],
    ["abcdef", ["abcxyz"], null],
    ["bat", ["cat", "bit"], "cat"],
    ["cart", ["cut", "cat"], "cat"],
  ];
  for (const [word, candidates, best] of cases) {
    assertEquals(closest(word, candidates), best, word);
  }
});
