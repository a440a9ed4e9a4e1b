import { helpText } from "../../lib/config/help_text.ts";
import { OPTION_ROWS } from "../../lib/config/options.ts";
import { assert } from "../assert.ts";

Deno.test("helpText() has each option with its value and default, and a switch without", () => {
  const lines = helpText().split("\n");
  for (const { name, placeholder, about, default: byDefault } of OPTION_ROWS) {
    const flag = placeholder === null ? `--${name}` : `--${name}=<${placeholder}>`;
    const text = placeholder === null || byDefault === "" ? about : `${about} [${byDefault}]`;
    const [line, ...more] = lines.filter((line) => line.trim().split("  ")[0] === flag);
    assert.ok(line?.endsWith(`  ${text}`), flag);
    assert.deepEqual(more, []);
  }
});

Deno.test("helpText() has no line of more than 100 columns", () => {
  assert.deepEqual(helpText().split("\n").filter((line) => line.length > 100), []);
});
