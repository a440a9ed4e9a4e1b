import { assert } from "../../assert.ts";
import { findings } from "./findings.ts";

const RULE = "file-length";
const LINE = "call();\n";

Deno.test("file-length finds a file of more than 400 lines", () => {
  const message = "401 lines in one file, more than 400";
  assert.deepEqual(findings(RULE, LINE.repeat(401)), [message]);
  assert.deepEqual(findings(RULE, LINE.repeat(400) + "call();"), [message]);
});

Deno.test("file-length accepts a file of 400 lines", () => {
  assert.deepEqual(findings(RULE, LINE.repeat(400)), []);
  assert.deepEqual(findings(RULE, ""), []);
  const generated = "// deno-fmt-ignore-file\n// Generated from something. Do not edit.\n";
  assert.deepEqual(findings(RULE, generated + LINE.repeat(400)), []);
});
