import { fc } from "../random.ts";
import { formatDuration, formatSpan, formatTook, parseDuration } from "../../lib/text/duration.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";

Deno.test("parseDuration() reads units, compounds, fractions, and 0", () => {
  const cases: [string, number][] = [
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["250ms", 250],
    ["0", 0],
    ["0s", 0],
    ["0.5s", 500],
    ["1.5h", 5_400_000],
    ["1d2h3m4s5ms", 93_784_005],
    ["90m", 5_400_000],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

Deno.test("parseDuration() refuses what is not a duration", () => {
  const texts = ["", " ", "s", "-1s", "+1", "1 s", "1s ", "1S", "30s1m", "1s1s", "1e3", ".5", "1w"];
  for (const text of [...texts, "9".repeat(20), "Infinity", "NaN", "0x10", "1\n"]) {
    assert.throws(
      () => parseDuration(text),
      (error) => error instanceof JobWorkerError && error.code === "invalid_argument",
      JSON.stringify(text),
    );
  }
});

Deno.test("parseDuration() refuses a number without a unit, and suggests two", () => {
  for (const text of ["10", "00", "0.5", "1795877305"]) {
    assert.throws(() => parseDuration(text), {
      code: "invalid_argument",
      message:
        `Duration "${text}" has no unit: did you mean ${text}s (seconds) or ${text}d (days)? ` +
        "The units are ms, s, m, h and d",
    });
  }
});

Deno.test("formatDuration() writes what parseDuration() reads back", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (ms) => {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }));
});

Deno.test("formatDuration() cuts off what is beyond the units asked for", () => {
  assert.equal(formatDuration(93_784_005), "1d2h3m4s5ms");
  assert.equal(formatDuration(93_784_005, { units: 2 }), "1d2h");
  assert.equal(formatDuration(0), "0s");
});

Deno.test("formatTook() writes tenths of seconds up to a minute, and cuts off the rest", () => {
  const took: [number, string][] = [
    [-5, "0s"],
    [0, "0s"],
    [999, "999ms"],
    [1_000, "1.0s"],
    [3_049, "3.0s"],
    [3_099, "3.0s"],
    [59_999, "59.9s"],
    [60_000, "1m"],
    [61_999, "1m1s"],
  ];
  for (const [ms, text] of took) {
    assert.equal(formatTook(ms), text);
    assert.ok(parseDuration(text) <= Math.max(0, ms));
  }
});

Deno.test("formatSpan() writes two units, no fraction of a second beyond one, nothing negative", () => {
  assert.equal(formatSpan(93_784_005), "1d2h");
  assert.equal(formatSpan(61_999), "1m1s");
  assert.equal(formatSpan(1_999), "1s");
  assert.equal(formatSpan(999), "999ms");
  assert.equal(formatSpan(-5), "0s");
});
