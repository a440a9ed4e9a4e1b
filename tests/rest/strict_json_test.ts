import { fc } from "../random.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { parseStrictJson } from "../../lib/rest/strict_json.ts";
import { assert } from "../assert.ts";

const parse = (text: string) => parseStrictJson(new TextEncoder().encode(text));

Deno.test("parseStrictJson() reads what JSON.parse() does", () => {
  const noProto = (value: unknown) => !JSON.stringify(value).includes('"__proto__":');
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }).filter(noProto), fc.nat(3), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.deepEqual(parse(text), JSON.parse(text));
    }),
  );
});

Deno.test("parseStrictJson() refuses keys that come twice, however they are written", () => {
  const twice = ['{"a":1,"a":2}', '{"a":1,"b":{},"\\u0061" :2}', '[{"x":{"a":[{"a":1}],"a":1}}]'];
  for (const text of twice) assert.throws(() => parse(text), /the key "a" appears twice/, text);
  const once = ['{"a":{"a":{"a":1}}}', '[{"a":1},{"a":1}]', '{"a":"a:","b":"\\"a\\":","c":["a"]}'];
  for (const text of once) assert.deepEqual(parse(text), JSON.parse(text));
});

Deno.test("parseStrictJson() refuses __proto__, deep nesting and other encodings", () => {
  const wrong: [string, RegExp][] = [
    ['{"__proto__":{}}', /"__proto__" is not allowed/],
    ['[{"a":{"__pr\\u006fto__":1}}]', /"__proto__" is not allowed/],
    [`${"[".repeat(33)}${"]".repeat(33)}`, /32 levels/],
    [`${"[".repeat(500_000)}${"]".repeat(500_000)}`, /32 levels/],
    ["", /not JSON/],
    ["{'a':1}", /not JSON/],
    ["NaN", /not JSON/],
  ];
  for (const [text, words] of wrong) {
    assert.throws(
      () => parse(text),
      (error) =>
        error instanceof JobWorkerError && error.code === "invalid_argument" &&
        words.test(error.message),
    );
  }
  assert.throws(() => parseStrictJson(Uint8Array.of(0x22, 0xc3, 0x22)), /UTF-8/);
  assert.equal(parse('"__proto__"'), "__proto__");
  const [most, more] = [32, 33].map((levels) => `${"[".repeat(levels)}${"]".repeat(levels)}`);
  // Beside each other, any number of levels are no deeper.
  for (const text of [`${most}`, `[${Array(100).fill("[{}]").join()}]`]) {
    assert.deepEqual(parse(text), JSON.parse(text));
  }
  assert.throws(() => parse(`${more}`), /more than 32 levels/);
});

Deno.test("parseStrictJson() reads the largest strings that a body can hold", () => {
  for (const piece of ["a", '\\"', "\\\\", "{", "ü"]) {
    const text = `"${piece.repeat(1024 * 1024 / piece.length)}"`;
    assert.deepEqual(parse(`{"a":${text}}`), { a: JSON.parse(text) });
  }
});

Deno.test("parseStrictJson() accepts as many entries as our largest messages have, and names what has more", () => {
  const list = (count: number) => `[${Array(count).fill('"a,b"').join()}]`;
  const map = (count: number) =>
    `{${Array.from({ length: count }, (_, index) => `"${index}":"{"`).join()}}`;
  // In several of them, there may be more.
  for (
    const text of [`[${list(131_072)},[${list(131_072)}]]`, `{"a":${map(4096)},"b":${map(4096)}}`]
  ) {
    assert.deepEqual(parse(text), JSON.parse(text));
  }
  const refused: [string, string, string | undefined][] = [
    [
      `{"command":{"args":${list(131_073)}}}`,
      "Invalid command.args: it has more than 131072 entries",
      "command.args",
    ],
    [`{"a":{"b":[${map(4097)}]}}`, "Invalid a.b: it has more than 4096 entries", "a.b"],
    [map(4097), "Invalid request body: it has more than 4096 entries", undefined],
  ];
  for (const [text, message, field] of refused) {
    assert.throws(() => parse(text), (error) => {
      assert.ok(error instanceof JobWorkerError);
      assert.deepEqual([error.code, error.field], ["invalid_argument", field]);
      assert.ok(error.message.startsWith(message), error.message);
      return true;
    });
  }
});

Deno.test("parseStrictJson() takes no longer for what is not JSON", () => {
  const key = `"${"k".repeat(500_000)}"`;
  for (const text of [`[${key}${"{:}".repeat(100_000)}`, `{${key}${":".repeat(500_000)}`]) {
    const before = performance.now();
    assert.throws(() => parse(text), /it is not JSON/);
    const tookMs = performance.now() - before;
    assert.ok(tookMs < 5_000, `${tookMs} ms: to read the key for each colon would take minutes`);
  }
});
