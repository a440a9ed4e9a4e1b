import { parseMoment, timeOf } from "../../lib/cli/moment.ts";
import { assert } from "../assert.ts";

/** What a text means at a time. */
function timeAt(text: string, now = 0): number {
  return timeOf(parseMoment(text), now);
}

Deno.test("parseMoment() reads durations, times of RFC 3339, and seconds since 1970 behind an @", () => {
  const now = Date.UTC(2026, 10, 28, 12);
  const cases: [string, string][] = [
    ["10m", "2026-11-28T11:50:00.000Z"],
    ["0s", "2026-11-28T12:00:00.000Z"],
    ["99999d", "1970-01-01T00:00:00.000Z"],
    ["2026-07-31T09:30:00Z", "2026-07-31T09:30:00.000Z"],
    ["2026-07-31t09:30:00.1239z", "2026-07-31T09:30:00.123Z"],
    ["2026-07-31 09:30Z", "2026-07-31T09:30:00.000Z"],
    ["2026-07-31T11:30:00+02:00", "2026-07-31T09:30:00.000Z"],
    ["2024-02-29T23:59:59-23:59", "2024-03-01T23:58:59.000Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["@0", "1970-01-01T00:00:00.000Z"],
    ["@253402300799.999", "9999-12-31T23:59:59.999Z"],
    ["@1795877305.5", "2026-11-28T14:48:25.500Z"],
  ];
  for (const [text, expected] of cases) {
    assert.equal(new Date(timeAt(text, now)).toISOString(), expected, text);
  }
});

Deno.test("parseMoment() refuses what is no time, and says why, and what could be two", () => {
  const cases: [string, string][] = [
    ["0", "is ambiguous: did you mean 0s (seconds before now) or @0 (1970-01-01T00:00:00.000Z)?"],
    [
      "1795877305",
      "is ambiguous: did you mean 1795877305s (seconds before now) or @1795877305 (2026-11-28T14:48:25.000Z)?",
    ],
    ["2026-02-30T00:00:00Z", "is not a valid time: the days of 2026-02 go from 1 to 28"],
    ["2026-02-30", "is not a valid time: the days of 2026-02 go from 1 to 28"],
    ["2024-02-30T00:00:00Z", "is not a valid time: the days of 2024-02 go from 1 to 29"],
    ["2026-04-31T00:00:00Z", "is not a valid time: the days of 2026-04 go from 1 to 30"],
    ["2026-07-00T00:00:00Z", "is not a valid time: the days of 2026-07 go from 1 to 31"],
    ["2026-13-01T00:00:00Z", "is not a valid time: months go from 1 to 12"],
    ["2026-00-01T00:00:00Z", "is not a valid time: months go from 1 to 12"],
    ["2026-07-31T24:00:00Z", "is not a valid time: hours go from 0 to 23"],
    ["2026-07-31T25:00:00Z", "is not a valid time: hours go from 0 to 23"],
    ["2026-07-31T09:60:00Z", "is not a valid time: minutes go from 0 to 59"],
    ["2016-12-31T23:59:60Z", "is not a valid time: seconds go from 0 to 59"],
    ["2026-07-31T09:30:00+24:00", "is not a valid time: the hours of a zone go from 0 to 23"],
    ["2026-07-31T09:30:00+02:60", "is not a valid time: the minutes of a zone go from 0 to 59"],
    ["2026-07-31", "has no time of day: did you mean 2026-07-31T00:00:00Z?"],
    [
      "2026-07-31T09:30:00",
      "has no time zone: did you mean 2026-07-31T09:30:00Z (UTC) or, for example, " +
      "2026-07-31T09:30:00+02:00?",
    ],
    ["2026-7-31", "is not an RFC 3339 time, such as 2026-07-31T09:30:00Z"],
    ["2026-07-31T09:30:00 UTC", "is not an RFC 3339 time, such as 2026-07-31T09:30:00Z"],
    ["@253402300800", "is a time after the year 9999"],
  ];
  for (const text of ["yesterday", "", "@", "@1e3", "@-1", "-5", "+5m", "1e3"]) {
    cases.push([
      text,
      "is not valid: use a duration such as 10m, an RFC 3339 time such as 2026-07-31T09:30:00Z, " +
      "or @ followed by seconds since 1970",
    ]);
  }
  for (const [text, why] of cases) {
    const message = `${JSON.stringify(text)} ${why}`;
    assert.throws(() => parseMoment(text), { code: "invalid_argument", message });
  }
});
