import { assert } from "../../assert.ts";
import { findings } from "./findings.ts";

const RULE = "comment-fragment";

Deno.test('comment-fragment finds comments that begin with "Of"', () => {
  const wrong = [
    "/** Of a job that does not say. */",
    "/**\n * Of each method its messages.\n */",
    "// Of what waits.",
    "let a; // Of a log.",
    "interface A {\n  /* Of more. */\n  a: string;\n}",
  ];
  for (const source of wrong) {
    assert.deepEqual(findings(RULE, source), ['A comment does not begin with "Of"'], source);
  }
});

Deno.test("comment-fragment accepts other comments", () => {
  const right = [
    "/** The time limit of a job. */",
    "// Often read.",
    "/** Whose it is.\n * Of two, the first. */",
    'const text = "// Of a text";',
  ];
  for (const source of right) assert.deepEqual(findings(RULE, source), [], source);
});
