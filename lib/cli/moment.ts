/**
 * Points in time as people write them.
 *
 * @module
 */

import { isBareNumber, parseDuration } from "../duration.ts";
import { JobWorkerError } from "../errors.ts";
import type { Moment } from "./invocation.ts";

/** A point in time as milliseconds since the Unix epoch. */
export function timeOf(moment: Moment, now: number): number {
  return moment.kind === "since" ? moment.time : Math.max(0, now - moment.ms);
}

/** The last millisecond that a date can be written for with a year of four digits. */
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Reads a point in time: a duration back from now, a date and time of RFC 3339 with its zone, or `@` and
 * seconds since the Unix epoch, as in systemd.time(7).
 *
 * @throws {JobWorkerError} `invalid_argument`, saying what is wrong with it. What could be two times is
 * none: a number alone, and a time without a zone.
 */
export function parseMoment(text: string): Moment {
  if (text.startsWith("@") && isBareNumber(text.slice(1))) {
    const time = Math.round(Number(text.slice(1)) * 1_000);
    if (time <= LATEST) return { kind: "since", time };
    throw invalid(text, "is a time after the year 9999");
  }
  if (isBareNumber(text)) {
    const time = new Date(Math.min(Number(text) * 1_000, LATEST)).toISOString();
    throw invalid(
      text,
      `is ambiguous: did you mean ${text}s, back from now, or @${text}, ${time}?`,
    );
  }
  if (/^\d+-/.test(text)) return { kind: "since", time: parseDateTime(text) };
  try {
    return { kind: "ago", ms: parseDuration(text) };
  } catch (error) {
    if (!(error instanceof JobWorkerError)) throw error;
  }
  throw invalid(
    text,
    "is neither a duration, for example 10m, nor a time of RFC 3339, for example " +
      "2026-07-31T09:30:00Z, nor @ and seconds since 1970",
  );
}

const DATE = String.raw`(\d{4})-(\d\d)-(\d\d)`;
const DATE_TIME = new RegExp(
  String.raw`^${DATE}(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-](\d\d):(\d\d))?)?$`,
  "i",
);

/** `Date.parse` alone would make the 2nd of March of a 30th of February. */
function parseDateTime(text: string): number {
  const match = DATE_TIME.exec(text);
  if (match === null) throw invalid(text, "is no time of RFC 3339, such as 2026-07-31T09:30:00Z");
  const [, year, month, day, hour, minute, second, zone, zoneHour, zoneMinute] = match;
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  check(text, "months", month, 1, 12);
  check(text, `the days of ${year}-${month}`, day, 1, days);
  if (hour === undefined) {
    throw invalid(text, `has no time of day: did you mean ${text}T00:00:00Z?`);
  }
  check(text, "hours", hour, 0, 23);
  check(text, "minutes", minute, 0, 59);
  check(text, "seconds", second, 0, 59);
  if (zone === undefined) {
    throw invalid(text, `has no time zone: did you mean ${text}Z, in UTC, or, say, ${text}+02:00?`);
  }
  check(text, "the hours of a zone", zoneHour, 0, 23);
  check(text, "the minutes of a zone", zoneMinute, 0, 59);
  const time = Date.parse(text.replace(" ", "T").toUpperCase());
  if (Number.isFinite(time)) return time;
  throw invalid(text, "is no time of RFC 3339, such as 2026-07-31T09:30:00Z");
}

function check(
  text: string,
  what: string,
  digits: string | undefined,
  least: number,
  most: number,
): void {
  if (digits === undefined || (Number(digits) >= least && Number(digits) <= most)) return;
  throw invalid(text, `is no time: ${what} go from ${least} to ${most}`);
}

function invalid(text: string, why: string): JobWorkerError {
  return new JobWorkerError("invalid_argument", `${JSON.stringify(text)} ${why}`);
}
