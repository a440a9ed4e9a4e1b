/**
 * Amounts of bytes as people write them: `"256MiB"`, `"10G"`, `"4096"`.
 *
 * @module
 */

import { invalidArgument } from "../errors.ts";

const UNITS = ["", "Ki", "Mi", "Gi", "Ti"] as const;

/**
 * Reads an amount of bytes: a number, and one of the units `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024;
 * `K`, `KB`, `Ki` and so on mean the same), or no unit for bytes.
 *
 * @returns whole bytes
 * @throws {JobWorkerError} `invalid_argument` if it is anything else
 *
 * @example
 * ```ts
 * import { parseByteSize } from "./byte_size.ts";
 *
 * if (parseByteSize("1.5MiB") !== 1572864) throw new Error();
 * ```
 */
export function parseByteSize(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?$/i.exec(text) ?? [];
  const power = ["", "K", "M", "G", "T"].indexOf(unit.toUpperCase());
  const bytes = Math.round(Number(number) * 1024 ** power);
  if (Number.isSafeInteger(bytes)) return bytes;
  const why = number === undefined
    ? "is not valid: use a form such as 256MiB or 10GiB, or a number of bytes"
    : "is too large: the limit is 8191TiB";
  throw invalidArgument(`Size ${JSON.stringify(text)} ${why}`);
}

/** The end of a message about an amount that is too small, in case it lacks its unit: `--memory 512`. */
export function unitHint(text: string): string {
  return /^[1-9]\d{0,4}$/.test(text) ? `; did you mean ${text}MiB?` : "";
}

/** Writes an amount of bytes in the unit that makes it short: `"256MiB"`, `"1.5KiB"`, `"12B"`. */
export function formatByteSize(bytes: number): string {
  let power = 0;
  while (power < UNITS.length - 1 && bytes >= 1024 ** (power + 1)) power++;
  return `${Number((bytes / 1024 ** power).toFixed(1))}${UNITS[power]}B`;
}
