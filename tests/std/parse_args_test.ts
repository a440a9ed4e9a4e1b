import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

/** What a line says, and what of it is unknown. */
function parsed(...line: string[]): [boolean, string | undefined, string, string[]] {
  const unknown: string[] = [];
  const { b, s, d } = parseArgs(line, {
    boolean: ["b"],
    string: ["s", "d"],
    default: { d: "default" },
    unknown: (arg) => void unknown.push(arg),
  });
  return [b, s, d, unknown];
}

Deno.test("parseArgs() reads options with and without values, and knows what was not given", () => {
  assertEquals(parsed(), [false, undefined, "default", []]);
  assertEquals(parsed("--b", "--s", "one two", "--d=x=y"), [true, "one two", "x=y", []]);
  assertEquals(parsed("--s=1", "--s=2"), [false, "2", "default", []]);
  assertEquals(parsed("--b=false", "--s=-"), [false, "-", "default", []]);
  assertEquals(parsed("--b", "false", "--d", "true"), [false, undefined, "true", []]);
});

Deno.test("parseArgs() has an empty value where one is missing", () => {
  assertEquals(parsed("--s", "--b"), [true, "", "default", []]);
  assertEquals(parsed("--d"), [false, undefined, "", []]);
});

Deno.test("parseArgs() tells of whatever it does not know, up to --", () => {
  assertEquals(parsed("x", "-b", "--S=1", "--s="), [false, undefined, "default", [
    ...["x", "-b", "--S=1", "--s="],
  ]]);
  assertEquals(parsed("--s", "1", "--", "--b", "x"), [false, "1", "default", []]);
  assertEquals(parseArgs(["x", "--y"], { boolean: ["b"] }), { b: false });
});
