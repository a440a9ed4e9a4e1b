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

/** The last millisecond whose year has four digits. */
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Reads a point in time: a duration back from now, an RFC 3339 date and time with a zone, or `@` followed
 * by seconds since the Unix epoch, as in systemd.time(7).
 *
 * @throws {JobWorkerError} `invalid_argument`, saying what is wrong. A bare number and a time without a
 * zone are refused, because they are ambiguous.
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
      `is ambiguous: did you mean ${text}s (seconds before now) or @${text} (${time})?`,
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
    "is not valid: use a duration such as 10m, an RFC 3339 time such as 2026-07-31T09:30:00Z, " +
      "or @ followed by seconds since 1970",
  );
}

function invalid(text: string, why: string): JobWorkerError {
  return invalidArgument(`${JSON.stringify(text)} ${why}`);
}
