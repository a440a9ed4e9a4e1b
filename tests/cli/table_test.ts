import stringWidth from "string-width";
import { fc } from "../random.ts";
import { table } from "../../lib/cli/table.ts";
import { textWidthFor, truncate } from "../../lib/cli/text_width.ts";
import { assert } from "../assert.ts";

Deno.test("table() aligns columns by width, not by length", async () => {
  const rows = [["A", "B"], ["日本", "x"], ["e\u0301", "y"], ["abc", "z"]];
  assert.deepEqual(await table(rows, { columns: 80 }), [
    "A     B",
    "日本  x",
    "e\u0301     y",
    "abc   z",
  ]);
});

Deno.test("table() never writes a line wider than the terminal", async () => {
  const rows = fc.array(fc.array(fc.string({ unit: "grapheme" }), { minLength: 3, maxLength: 3 }));
  await fc.assert(fc.asyncProperty(rows, fc.integer({ min: 1, max: 40 }), async (rows, columns) => {
    for (const whole of [[], [0], [1, 2], [-1]]) {
      for (const line of await table(rows, { columns, whole })) {
        assert.ok(stringWidth(line) <= columns, line);
      }
    }
  }));
});

Deno.test("table() cuts its last column, and then the widest of the others", async () => {
  const row = ["a".repeat(30), "b".repeat(10), "c".repeat(50)];
  assert.deepEqual(await table([row], { columns: 60 }), [
    `${row[0]}  ${row[1]}  ${"c".repeat(15)}…`,
  ]);
  assert.deepEqual(await table([row], { columns: 40 }), [
    `${"a".repeat(21)}…  ${row[1]}  ccc…`,
  ]);
  assert.deepEqual(await table([row], { columns: 24 }), ["aaaaaaa…  bbbbbbb…  ccc…"]);
});

Deno.test("table() cuts no column that is to stay whole, as long as that fits at all", async () => {
  const row = ["a".repeat(10), "b".repeat(10), "c".repeat(50)];
  assert.deepEqual(await table([row], { columns: 24, whole: [0] }), [`${row[0]}  bbbbb…  ccc…`]);
  assert.deepEqual(await table([row], { columns: 24, whole: [1] }), [`aaaaa…  ${row[1]}  ccc…`]);
  assert.deepEqual(await table([row], { columns: 6, whole: [0] }), ["aaaaa…"]);
  const last = ["a".repeat(30), "b".repeat(8)];
  assert.deepEqual(await table([last], { columns: 20, whole: [1] }), [`aaaaaaaaa…  ${last[1]}`]);
});

Deno.test("table() paints after cutting", async () => {
  const paint = (text: string) => `<${text}>`;
  assert.deepEqual(await table([["ab", "abcdef"]], { columns: 8, paint }), ["<ab>  <abc…>"]);
});

Deno.test("truncate() ends what it cuts with an ellipsis and never splits what is drawn as one", async () => {
  const cut = async (text: string, columns: number) =>
    truncate(text, columns, await textWidthFor([text]));
  assert.equal(await cut("abcd", 4), "abcd");
  assert.equal(await cut("abcde", 4), "abc…");
  assert.equal(await cut("日本語", 4), "日…");
  assert.equal(await cut("abc", 0), "");
  assert.equal(await cut("e\u0301".repeat(3), 2), "e\u0301…");
  const family = "👨\u200d👩\u200d👧";
  assert.equal(stringWidth(family), 2);
  assert.equal(await cut(family.repeat(3), 5), `${family.repeat(2)}…`);
});

Deno.test("textWidthFor() gives two columns to what is drawn as one picture", async () => {
  const pictures = [
    "👩\u200d🔬",
    "👨\u200d👩\u200d👧",
    "🇩🇪",
    "❤\ufe0f",
    "1\ufe0f\u20e3",
    "1\ufe0f",
    "👍🏽",
  ];
  const textWidth = await textWidthFor(pictures);
  for (const text of pictures) {
    assert.equal(textWidth(text), 2, text);
    assert.equal(stringWidth(text), 2, text);
  }
});

Deno.test("textWidthFor() measures plain text as what knows all scripts does", async () => {
  const plain = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index));
  const textWidth = await textWidthFor([plain]);
  for (const text of ["", " ", plain]) assert.equal(textWidth(text), stringWidth(text));
  assert.equal((await textWidthFor([plain, "日本"]))("日本"), 4);
});
