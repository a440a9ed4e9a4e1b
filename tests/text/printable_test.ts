import { assertEquals, assertNotMatch } from "@std/assert";
import { fc } from "../random.ts";
import { jsonLine, printable, shellWords } from "../../lib/text/printable.ts";

const DANGEROUS = /[\p{Cc}\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

Deno.test("printable() escapes control, format and bidi characters and nothing else", () => {
  assertEquals(printable("\x1b]52;c;eA==\x07"), "\\x1b]52;c;eA==\\x07");
  assertEquals(printable("a\u202eb\u009bc\n\u{e0041}"), "a\\u202eb\\u009bc\\x0a\\U000e0041");
  assertEquals(printable("Grüße, 日本 🙂"), "Grüße, 日本 🙂");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertNotMatch(printable(text), DANGEROUS);
  }));
});

Deno.test("shellWords() leaves plain words alone and quotes the rest", () => {
  const words = ["sh", "-c", "echo hi", "", "it's", "a=b", "$HOME", "a\nb\\", "日本"];
  assertEquals(
    shellWords(words),
    String.raw`sh -c 'echo hi' '' 'it'\''s' a=b '$HOME' $'a\x0ab\\' '日本'`,
  );
});

Deno.test("shellWords() writes what bash reads back", async () => {
  const words = fc.sample(fc.string({ unit: "grapheme" }), { numRuns: 200, seed: 1 })
    .concat("\x1b[31m", "'\n'", "\\n\t'", "\x7f\u0085\u202e");
  const script = `export LC_ALL=C.UTF-8; printf '%s\\0' ${shellWords(words)}`;
  const { stdout } = await new Deno.Command("bash", { args: ["-c", script] }).output();
  assertEquals(new TextDecoder().decode(stdout).split("\0").slice(0, -1), words);
});

Deno.test("jsonLine() is the same value, in one line that is safe to show", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const line = jsonLine({ text });
    assertNotMatch(line, DANGEROUS);
    assertEquals(JSON.parse(line), { text });
  }));
});
