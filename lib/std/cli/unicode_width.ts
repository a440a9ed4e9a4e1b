/**
 * Stands in for `@std/cli/unicode-width`, which the build machines cannot fetch, see `docs/packages.md`.
 *
 * @module
 */

import { eastAsianWidth } from "get-east-asian-width";

/**
 * Characters that take no column of their own: controls, formats but for the soft hyphen, marks, and vowels and
 * final consonants of Hangul, which belong to the syllable before them.
 */
const NO_COLUMN = /^(?!\xad)[\p{Cc}\p{Cf}\p{Mn}\p{Me}\u1160-\u11ff]$/u;

/**
 * Returns how many columns a terminal gives a text that has no escape sequences, as the sum over its characters. What
 * is drawn as one picture, such as a family of emoji, counts as its parts.
 *
 * @example
 * ```ts
 * import { unicodeWidth } from "@std/cli/unicode-width";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(unicodeWidth("naïve 日本"), 10);
 * ```
 */
export function unicodeWidth(str: string): number {
  let width = 0;
  for (const character of str) {
    if (!NO_COLUMN.test(character)) width += eastAsianWidth(character.codePointAt(0) ?? 0);
  }
  return width;
}
