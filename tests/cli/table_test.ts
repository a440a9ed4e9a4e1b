import { fc } from "../random.ts";
import { table } from "../../lib/cli/table.ts";
import { textWidth, truncate } from "../../lib/cli/text_width.ts";
import { assert } from "../assert.ts";

Deno.test("table() aligns columns by width, not by length", () => {
  const rows = [["A", "B"], ["日本", "x"], ["e\u0301", "y"], ["abc", "z"]];
  assert.deepEqual(table(rows, { columns: 80 }), [
    "A     B",
    "日本  x",
    "e\u0301     y",
    "abc   z",
  ]);
});

Deno.test("table() never writes a line wider than the terminal", () => {
  const rows = fc.array(fc.array(fc.string({ unit: "grapheme" }), { minLength: 3, maxLength: 3 }));
  fc.assert(fc.property(rows, fc.integer({ min: 1, max: 40 }), (rows, columns) => {
    for (const line of table(rows, { columns })) assert.ok(textWidth(line) <= columns, line);
  }));
});

Deno.test("table() paints after cutting", () => {
  const paint = (text: string) => `<${text}>`;
  assert.deepEqual(table([["ab", "abcdef"]], { columns: 8, paint }), ["<ab>  <abc…>"]);
});

Deno.test("truncate() ends what it cuts with an ellipsis and never splits what is drawn as one", () => {
  assert.equal(truncate("abcd", 4), "abcd");
  assert.equal(truncate("abcde", 4), "abc…");
  assert.equal(truncate("日本語", 4), "日…");
  assert.equal(truncate("abc", 0), "");
  assert.equal(truncate("e\u0301".repeat(3), 2), "e\u0301…");
  const family = "👨\u200d👩\u200d👧";
  assert.equal(textWidth(family), 2);
  assert.equal(truncate(family.repeat(3), 5), `${family.repeat(2)}…`);
});
