import { Lines } from "../../../lib/cli/many/lines.ts";
import { assert } from "../../assert.ts";

const encoder = new TextEncoder();
const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
const lines = () => new Lines(encoder.encode("> "));

Deno.test("Lines has whole lines, whatever pieces they come in", () => {
  const whole = lines();
  assert.equal(text(whole.add(encoder.encode("a\nb\n\nc"))), "> a\n> b\n> \n");
  assert.equal(text(whole.add(encoder.encode("c"))), "");
  assert.equal(text(whole.add(encoder.encode("\nd"))), "> cc\n");
  assert.equal(text(whole.end()), "> d\n");
  assert.equal(text(whole.end()), "");
  assert.equal(text(lines().add(new Uint8Array())), "");
});

Deno.test("Lines changes no byte, be it text or not", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const whole = lines();
  const printed = [...whole.add(bytes), ...whole.end()];
  const expected = `> ${text(bytes).replace("\n", "\n> ")}\n`;
  assert.equal(text(Uint8Array.from(printed)), expected);
});

Deno.test("Lines holds no more of a line that does not end than so much", () => {
  const whole = lines();
  let printed = "";
  const piece = encoder.encode("x".repeat(1000));
  for (let count = 1; count <= 100; count++) {
    printed += text(whole.add(piece));
    assert.ok(count * 1000 - printed.replaceAll(/[>\n ]/g, "").length < 10_000, `${count}`);
  }
  printed += text(whole.end());
  assert.equal(printed.replaceAll("\n", "").replaceAll("> ", "").length, 100_000);
  assert.ok(printed.split("\n").slice(0, -1).every((line) => line.startsWith("> x")));
});
