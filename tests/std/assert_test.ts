/** The assertions of `lib/std/` themselves, by those of node. */

import * as std from "@std/assert";
import { assert } from "../assert.ts";

class Special extends Error {}

const later = (error: unknown) => () => Promise.reject(error);

/** What holds, and what does not: with what the message says. */
const CASES: Record<
  Exclude<keyof typeof std, "AssertionError" | "equal">,
  { holds: (() => unknown)[]; fails: [run: () => unknown, message: RegExp][] }
> = {
  assert: {
    holds: [() => std.assert(1)],
    fails: [[() => std.assert("", "why"), /^why$/], [() => std.assert(false), /^$/]],
  },
  assertEquals: {
    holds: [() => std.assertEquals({ a: [1, new Set("b")] }, { a: [1, new Set("b")] })],
    fails: [[() => std.assertEquals({ a: 1 }, { a: 2 }, "why"), /equal: why\n[^]*a: 2/]],
  },
  assertStrictEquals: {
    holds: [() => std.assertStrictEquals(NaN, NaN)],
    fails: [[() => std.assertStrictEquals({}, {}, "why"), /same: why\n/]],
  },
  assertMatch: {
    holds: [() => std.assertMatch("abc", /b/)],
    fails: [[() => std.assertMatch("abc", /d/, "why"), /^"abc" does not match \/d\/: why$/]],
  },
  assertNotMatch: {
    holds: [() => std.assertNotMatch("abc", /d/)],
    fails: [[() => std.assertNotMatch("abc", /b/), /^"abc" matches \/b\/$/]],
  },
  assertStringIncludes: {
    holds: [() => std.assertStringIncludes("abc", "bc")],
    fails: [[() => std.assertStringIncludes("abc", "cb"), /^"abc" does not include "cb"$/]],
  },
  assertIsError: {
    holds: [
      () => std.assertIsError(new Special("text"), Special, "ex"),
      () => std.assertIsError(new Special("text"), Error, /^t.xt$/),
      () => std.assertIsError(new Special("text")),
    ],
    fails: [
      [() => std.assertIsError("text"), /^"text" is not an instance of Error$/],
      [() => std.assertIsError(new Error("text"), Special), /is not an instance of Special$/],
      [() => std.assertIsError(new Error("text"), Error, "no"), /^"text" does not include "no"$/],
      [() => std.assertIsError(new Error("text"), Error, /no/), /^"text" does not match/],
    ],
  },
  assertThrows: {
    holds: [
      () => std.assertThrows(() => JSON.parse("{")),
      () => std.assertThrows(() => JSON.parse("{"), SyntaxError, "JSON"),
    ],
    fails: [
      [() => std.assertThrows(() => 1, "why"), /^The function did not throw: why$/],
      [() => std.assertThrows(() => 1, Error, "", "why"), /^The function did not throw: why$/],
      [() => std.assertThrows(() => JSON.parse("{"), Special), /is not an instance of Special$/],
      [() => std.assertThrows(() => JSON.parse("{"), Error, "XML"), /does not include "XML"$/],
    ],
  },
  assertRejects: {
    holds: [
      () => std.assertRejects(later("no error")),
      () => std.assertRejects(later(new Special("text")), Special, "text"),
    ],
    fails: [
      [
        () => std.assertRejects(() => Promise.resolve(), "why"),
        /^The promise was not rejected: why/,
      ],
      [() => std.assertRejects(() => JSON.parse("{")), /^The function threw instead of returning/],
      [
        () => std.assertRejects(later("no error"), Error),
        /^"no error" is not an instance of Error$/,
      ],
      [() => std.assertRejects(later(new Error("text")), Error, "no"), /does not include "no"$/],
    ],
  },
};

for (const [name, { holds, fails }] of Object.entries(CASES)) {
  Deno.test(`${name}() fails when it must, and only then`, async () => {
    for (const run of holds) await run();
    for (const [run, message] of fails) {
      await assert.rejects(async () => await run(), (error) => {
        assert.ok(error instanceof std.AssertionError, String(error));
        assert.equal(error.name, "AssertionError");
        assert.match(error.message, message);
        return true;
      });
    }
  });
}

Deno.test("assertThrows() and assertRejects() return the error", async () => {
  const error = new Special();
  assert.equal(
    std.assertThrows(() => {
      throw error;
    }, Special),
    error,
  );
  assert.equal(await std.assertRejects(later(error), Special), error);
});

Deno.test("equal() compares structure, down to the leaves", () => {
  const url = (text: string) => new URL(`https://host/${text}`);
  const same: [unknown, unknown][] = [
    [NaN, NaN],
    [{ a: 1, b: [2] }, { b: [2], a: 1 }],
    [new Map([[{ a: 1 }, 2]]), new Map([[{ a: 1 }, 2]])],
    [new Set([[1], [2]]), new Set([[2], [1]])],
    [new Date(1), new Date(1)],
    [/a/g, /a/g],
    [new Uint8Array([1]), new Uint8Array([1])],
    [url("a"), url("a")],
  ];
  for (const [a, b] of same) assert.ok(std.equal(a, b), Deno.inspect([a, b]));
  const different: [unknown, unknown][] = [
    [1, "1"],
    [{ a: undefined }, {}],
    [[1, 2], [2, 1]],
    [new Map([["a", 1]]), new Map([["a", 2]])],
    [new Set([1]), new Set([2])],
    [new Date(1), new Date(2)],
    [/a/g, /a/i],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Uint8Array([1]), [1]],
    [url("a"), url("b")],
    [new Special("a"), new Error("a")],
    // The package would say that these are equal.
    [0, -0],
    [{}, Object.create(null)],
  ];
  for (const [a, b] of different) assert.ok(!std.equal(a, b), Deno.inspect([a, b]));
});
