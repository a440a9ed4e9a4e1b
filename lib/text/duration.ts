/**
 * Lengths of time as people write them: `"10s"`, `"1m30s"`, `"250ms"`.
 *
 * @module
 */

import { invalidArgument } from "../errors.ts";

/** Units from the longest to the shortest, in milliseconds. */
const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000], [
  "ms",
  1,
]] as const;

const NUMBER = String.raw`\d+(?:\.\d+)?`;
const BARE = new RegExp(`^${NUMBER}$`);
const COMPOUND = new RegExp(`^${UNITS.map(([unit]) => `(?:(${NUMBER})${unit})?`).join("")}$`);

/** Whether a text is a number without a unit, which some mean as seconds and others as days. */
export function isBareNumber(text: string): boolean {
  return BARE.test(text);
}

/**
 * Reads a duration: numbers with the units `d`, `h`, `m`, `s`, `ms`, the longest first and each at
 * most once. Only 0 needs no unit.
 *
 * @returns Whole milliseconds.
 * @throws {JobWorkerError} `invalid_argument` if it is anything else.
 *
 * @example
 * ```ts
 * parseDuration("1m30s"); // 90000
 * parseDuration("0"); // 0
 * ```
 */
export function parseDuration(text: string): number {
  const ms = text === "0" ? 0 : Math.round(compoundMs(text));
  if (Number.isSafeInteger(ms)) return ms;
  const why = isBareNumber(text)
    ? `has no unit: did you mean ${text}s (seconds) or ${text}d (days)? The units are ms, s, m, h and d`
    : "is not valid: use a form such as 10s, 1m30s, 250ms or 30d";
  throw invalidArgument(`Duration ${JSON.stringify(text)} ${why}`);
}

function compoundMs(text: string): number {
  const match = COMPOUND.exec(text);
  if (match === null || text === "") return NaN;
  return UNITS.reduce((sum, [, unitMs], index) => sum + Number(match[index + 1] ?? 0) * unitMs, 0);
}

/** Options of {@linkcode formatDuration}. */
export interface FormatDurationOptions {
  /** How many units to show at most; the rest is cut off, not rounded. All by default. */
  readonly units?: number;
}

/** Writes whole, non-negative milliseconds so that {@linkcode parseDuration} can read them back. */
export function formatDuration(ms: number, options: FormatDurationOptions = {}): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, options.units).join("") || "0s";
}

/**
 * Writes a length of time for people: its two largest units, in whole seconds unless it is shorter
 * than one. A negative length counts as 0: clocks are set back, and differ between machines.
 */
export function formatSpan(ms: number): string {
  const span = Math.max(0, ms);
  return formatDuration(span < 1_000 ? span : span - span % 1_000, { units: 2 });
}

/**
 * Writes how long something took: like {@linkcode formatSpan}, but in tenths of a second up to a
 * minute.
 */
export function formatTook(ms: number): string {
  return ms < 1_000 || ms >= 60_000 ? formatSpan(ms) : `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
}
