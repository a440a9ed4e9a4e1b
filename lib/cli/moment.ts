/**
 * Points in time as people write them.
 *
 * @module
 */

import { readDateTime } from "../text/date_time.ts";
import { isBareNumber, parseDuration } from "../text/duration.ts";
import { invalidArgument, JobWorkerError } from "../errors.ts";
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
  if (/^\d+-/.test(text)) {
    const time = readDateTime(text);
    if (typeof time === "number") return { kind: "since", time };
    throw invalid(text, time);
  }
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

function invalid(text: string, why: string): JobWorkerError {
  return invalidArgument(`${JSON.stringify(text)} ${why}`);
}
