import { JobWorkerError } from "../../lib/errors.ts";
import { checkLabels } from "../../lib/job/labels.ts";
import { assert } from "../assert.ts";

function refusal(labels: Record<string, string>): string {
  try {
    checkLabels(labels);
  } catch (error) {
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "invalid_argument");
    return error.message;
  }
  return assert.fail(`Accepted: ${JSON.stringify(labels)}`);
}

/** This number of labels. */
function labels(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, "x"]));
}

Deno.test("checkLabels() accepts names and values that fit into a table", () => {
  checkLabels({});
  checkLabels({ a: "", "A.b_c/d-9": "ü, with blanks = and \u{1f600}", ["x".repeat(63)]: "y" });
  checkLabels({ a: "x".repeat(256) });
  checkLabels(labels(64));
});

Deno.test("checkLabels() names the label and what is accepted", () => {
  for (const name of ["", "-a", "a.", "a b", "ä", "a=b", "a\0", "a\n", "x".repeat(64)]) {
    const message = refusal({ [name]: "x" });
    assert.ok(message.includes(JSON.stringify(name)), message);
    assert.match(message, /must be 1 to 63 letters/);
  }
  for (const value of ["a\0", "a\nb", "\x1b[31m", "\x7f", "\u0085", "x".repeat(257)]) {
    assert.match(refusal({ team: value }), /the value of "team" must be at most 256 characters/);
  }
  assert.match(refusal(labels(65)), /65 of them, and at most 64/);
});
