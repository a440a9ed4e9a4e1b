/**
 * RFC 3339 dates and times, as people write them.
 *
 * @module
 */

const DATE = String.raw`(\d{4})-(\d\d)-(\d\d)`;
const DATE_TIME = new RegExp(
  String.raw`^${DATE}(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-](\d\d):(\d\d))?)?$`,
  "i",
);

const NONE = "is not an RFC 3339 time, such as 2026-07-31T09:30:00Z";

/**
 * Reads a date and time with its zone. `Date.parse` alone would take the 30th of February for the 2nd
 * of March.
 *
 * @returns milliseconds since the Unix epoch, or what is wrong with the text
 */
export function readDateTime(text: string): number | string {
  const match = DATE_TIME.exec(text);
  if (match === null) return NONE;
  const [, year, month, day, hour, minute, second, zone, zoneHour, zoneMinute] = match;
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const wrong = outside("months", month, 1, 12) ??
    outside(`the days of ${year}-${month}`, day, 1, days);
  if (wrong !== null) return wrong;
  if (hour === undefined) return `has no time of day: did you mean ${text}T00:00:00Z?`;
  const late = outside("hours", hour, 0, 23) ?? outside("minutes", minute, 0, 59) ??
    outside("seconds", second, 0, 59);
  if (late !== null) return late;
  if (zone === undefined) {
    return `has no time zone: did you mean ${text}Z (UTC) or, for example, ${text}+02:00?`;
  }
  const far = outside("the hours of a zone", zoneHour, 0, 23) ??
    outside("the minutes of a zone", zoneMinute, 0, 59);
  if (far !== null) return far;
  const time = Date.parse(text.replace(" ", "T").toUpperCase());
  return Number.isFinite(time) ? time : NONE;
}

function outside(
  what: string,
  digits: string | undefined,
  min: number,
  max: number,
): string | null {
  if (digits === undefined || (Number(digits) >= min && Number(digits) <= max)) return null;
  return `is not a valid time: ${what} go from ${min} to ${max}`;
}
