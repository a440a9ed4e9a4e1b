/**
 * Text from others, made safe to show: the name of a job or a user must not move the cursor, set the
 * window's title or fill the clipboard. What a job *prints* is never changed.
 *
 * @module
 */

/** Control and format characters, line separators, and halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Replaces each unprintable character by an escape such as `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    // Beyond ASCII, \x would stand for a byte and not for a character.
    if (code < 0x80) return `\\x${hex.padStart(2, "0")}`;
    return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  });
}

/** Does the same line by line. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** A command line that a shell would read as exactly these words. */
export function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  const escaped = word.replace(/[\\']/g, "\\$&");
  const safe = printable(escaped);
  // $'…' is in POSIX since 2024 and in bash, zsh, ksh and busybox long before.
  return safe === escaped ? `'${word.replaceAll("'", `'\\''`)}'` : `$'${safe}'`;
}

/**
 * A value as one line of JSON that is safe to show: the same value, with more characters escaped.
 */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    UNPRINTABLE,
    (character) =>
      Array.from(
        { length: character.length },
        (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}
