import { assertEquals } from "@std/assert";
import { unicodeWidth } from "@std/cli/unicode-width";

Deno.test("unicodeWidth() gives the widths that the package documents", () => {
  const documented: [string, number][] = [
    ["hello world", 11],
    ["天地玄黃宇宙洪荒", 16],
    ["ｆｕｌｌｗｉｄｔｈ", 18],
    ["голубой", 7],
    ["紅色", 4],
    ["🦕", 2],
    // A woman scientist is a woman and a microscope.
    ["👩\u200d🔬", 4],
  ];
  for (const [text, width] of documented) assertEquals(unicodeWidth(text), width, text);
});

Deno.test("unicodeWidth() gives no column to what is drawn on another character, or not at all", () => {
  const none = ["", "\0", "\n", "\x7f", "\x85", "\u0301", "\u20dd", "\u200b", "\u200d", "\u1160"];
  for (const text of none) assertEquals(unicodeWidth(text), 0, JSON.stringify(text));
  const one = ["é", "e\u0301", "\xad", "\ud800", "½", "Ω"];
  for (const text of one) assertEquals(unicodeWidth(text), 1, JSON.stringify(text));
  // Two syllables, one of them in its parts.
  assertEquals(unicodeWidth("한\u1112\u1161\u11ab"), 4);
});
