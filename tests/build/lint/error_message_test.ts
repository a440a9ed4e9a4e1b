import { assert } from "../../assert.ts";
import { findings } from "./findings.ts";

const RULE = "error-message";
const CAPITAL = "The message of an error begins with a capital: write one";
const PERIOD = "The message of an error has no final period: leave it out";
const contraction = (word: string) =>
  `The message of an error has no contraction: write "${word}" in full`;

Deno.test("error-message finds a small letter, a final period and a contraction", () => {
  const wrong: [source: string, message: string][] = [
    ['new JobWorkerError("not_found", "no such job")', CAPITAL],
    ["new TypeError(`it is not ${what}`)", CAPITAL],
    ['new HttpError("not_found", 404, found ?? "nothing there")', CAPITAL],
    ['new AggregateError(errors, "several")', CAPITAL],
    ['new Deno.errors.NotFound("no file")', CAPITAL],
    ['new DOMException("aborted", "AbortError")', CAPITAL],
    ['new RangeError(small ? "Too small" : "too large")', CAPITAL],
    ['new TypeError("it is neither " + one + " nor " + other)', CAPITAL],
    ['new Error("Cannot stop.")', PERIOD],
    ["new Error(`Cannot stop ${job}.`)", PERIOD],
    ['new Error("Cannot stop " + job + ".")', PERIOD],
    ['new Error("The job can\'t stop")', contraction("n't")],
    ["new Error(`Cannot stop ${job}: it's done`)", contraction("it's")],
  ];
  for (const [source, message] of wrong) {
    assert.deepEqual(findings(RULE, source), [message], source);
  }
  assert.deepEqual(findings(RULE, 'new TypeError("can\'t.")'), [
    CAPITAL,
    PERIOD,
    contraction("n't"),
  ]);
});

Deno.test("error-message accepts right messages, and arguments that are no message", () => {
  const right = [
    'new JobWorkerError("not_found", `No job "${id}"`)',
    "new TypeError(`${name} is not known`)",
    "new TypeError(message)",
    "new TypeError()",
    'new TypeError("--data-dir has no value")',
    "new Error(`No job of ${user}'s`)",
    'new Error("must be 1 to 64")',
    'new Map("a.")',
  ];
  for (const source of right) assert.deepEqual(findings(RULE, source), [], source);
});
