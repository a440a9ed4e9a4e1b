import { assert } from "../../assert.ts";
import { findings } from "./findings.ts";

const RULE = "plain-javascript";
const PROPERTY = "A parameter is no property: declare #name and assign it";

Deno.test("plain-javascript finds modifiers, parameter properties and enums of TypeScript", () => {
  const hidden = (word: string) => `\`${word}\` is not kept at run time: write #name`;
  const wrong: [source: string, message: string][] = [
    ["class A { private a = 1; }", hidden("private")],
    ["class A { protected a() {} }", hidden("protected")],
    ["abstract class A { protected abstract a(): void; }", hidden("protected")],
    ["abstract class A { protected abstract a: string; }", hidden("protected")],
    ["class A { constructor(private a: string) {} }", PROPERTY],
    ["class A { constructor(readonly a = 1) {} }", PROPERTY],
    ["class A { public a = 1; }", "Members are public without a word: leave `public` out"],
    ["enum A { B }", "An enum makes code: write a union of literals"],
  ];
  for (const [source, message] of wrong) {
    assert.deepEqual(findings(RULE, source), [message], source);
  }
});

Deno.test("plain-javascript accepts #name and a private constructor", () => {
  const right = [
    "class A { #a = 1; readonly b = 2; static #c() {} }",
    "class A { private constructor(a: string) {} }",
    'type A = "b" | "c";',
  ];
  for (const source of right) assert.deepEqual(findings(RULE, source), [], source);
});
