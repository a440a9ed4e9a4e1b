import { assert, assertEquals, assertThrows } from "@std/assert";
import { fc } from "../random.ts";
import { formatDuration, formatSpan, formatTook, parseDuration } from "../../lib/text/duration.ts";
import { JobWorkerError } from "../../lib/errors.ts";

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
  for (const [text, ms] of cases) assertEquals(parseDuration(text), ms, text);
});

Deno.test("parseDuration() refuses what is not a duration", () => {
  const texts = ["", " ", "s", "-1s", "+1", "1 s", "1s ", "1S", "30s1m", "1s1s", "1e3", ".5", "1w"];
  for (const text of [...texts, "9".repeat(20), "Infinity", "NaN", "0x10", "1\n"]) {
    const error = assertThrows(() => parseDuration(text), JobWorkerError, "", JSON.stringify(text));
    assertEquals(error.code, "invalid_argument");
  }
});

Deno.test("parseDuration() refuses a number without a unit, and suggests two", () => {
  for (const text of ["10", "00", "0.5", "1795877305"]) {
    const error = assertThrows(() => parseDuration(text), JobWorkerError);
    assertEquals(error.code, "invalid_argument");
    assertEquals(
      error.message,
      `Duration "${text}" has no unit: did you mean ${text}s (seconds) or ${text}d (days)? ` +
        "The units are ms, s, m, h and d",
    );
  }
});

Deno.test("formatDuration() writes what parseDuration() reads back", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (ms) => {
    assertEquals(parseDuration(formatDuration(ms)), ms);
  }));
});

Deno.test("formatDuration() cuts off what is beyond the units asked for", () => {
  assertEquals(formatDuration(93_784_005), "1d2h3m4s5ms");
  assertEquals(formatDuration(93_784_005, { units: 2 }), "1d2h");
  assertEquals(formatDuration(0), "0s");
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
    assertEquals(formatTook(ms), text);
    assert(parseDuration(text) <= Math.max(0, ms));
  }
});

Deno.test("formatSpan() writes two units, no fraction of a second beyond one, nothing negative", () => {
  assertEquals(formatSpan(93_784_005), "1d2h");
  assertEquals(formatSpan(61_999), "1m1s");
  assertEquals(formatSpan(1_999), "1s");
  assertEquals(formatSpan(999), "999ms");
  assertEquals(formatSpan(-5), "0s");
});
