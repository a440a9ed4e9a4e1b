/**
 * Masking secrets in the arguments of a command, by the names that stand before them: `--password=…`,
 * `--token …`, `API_SECRET=…`, `"password": "…"`, `Authorization: …`, also in the middle of a script. It can
 * only be a precaution: a secret may be anywhere, under any name.
 *
 * @module
 */

/** What stands in the place of a secret. */
export const MASKED = "***";

/** The names that usually have secrets behind them; `*` stands for any characters, `-` also for `_`. */
export const USUAL_SECRETS: readonly string[] = [
  "*password",
  "*passwd",
  "*passphrase",
  "*secret",
  "*secret-key",
  "*token",
  "*api-key",
  "*apikey",
  "*access-key",
  "*private-key",
  "*authorization",
  "*credentials",
];

/** How much of the end of a name is looked at, in characters. */
const MAX_NAME_LENGTH = 64;

/** A pattern for names. With more stars, a match could take long. */
const PATTERN = /^(?!\*+$)[\w.-]{0,64}(?:\*[\w.-]{0,64}){0,2}$/;

/** Masks the secrets in an argument, given the one before it. */
export type Mask = (argument: string, before: string | undefined) => string;

/** Whether {@linkcode maskFor} accepts a pattern. */
export function isNamePattern(text: string): boolean {
  return text !== "" && PATTERN.test(text);
}

/**
 * Makes a function that masks what stands behind certain names, and passwords in URLs. It takes a time that is
 * proportional to the length of the argument.
 *
 * @param patterns of names, in any case; see {@linkcode isNamePattern}
 *
 * @example
 * ```ts
 * import { maskFor } from "./mask_secrets.ts";
 *
 * const mask = maskFor(["*token"]);
 * if (mask("--token=abc", undefined) !== "--token=***") throw new Error();
 * if (mask("abc", "--api-token") !== "***") throw new Error();
 * if (mask("API_TOKEN=abc make", "-c") !== "API_TOKEN=*** make") throw new Error();
 * ```
 */
export function maskFor(patterns: readonly string[]): Mask {
  if (patterns.length === 0) return (argument) => argument;
  const names = patterns.map((pattern) => spelled(pattern).replace(/[.*]/g, "\\$&"));
  const secret = new RegExp(`^(?:${names.join("|").replaceAll("\\*", ".*")})$`);
  const isSecret = (name: string) =>
    secret.test(spelled(name.replace(/^-+/, "").slice(-MAX_NAME_LENGTH)));
  return (argument, before = "") => {
    if (OPTION.test(before) && isSecret(before) && !LONG_OPTION.test(argument)) return MASKED;
    if (!SCRIPT_OPTION.test(before)) {
      // What is behind the name is the secret as a whole, spaces and all.
      const assigned = HEADER_OPTION.test(before) ? HEADER : ASSIGNMENT;
      const [, head = "", name = ""] = assigned.exec(argument) ?? [];
      if (head !== "" && head.length < argument.length && isSecret(name)) return head + MASKED;
    }
    return maskWords(argument, isSecret).replace(URL_PASSWORD, `:${MASKED}`);
  };
}

function spelled(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/** An option without its value. */
const OPTION = /^--?[\w.-]+$/;
/** What follows an option that has no value. A secret may begin with a hyphen, but hardly like this. */
const LONG_OPTION = /^--[a-z][\w-]*(?:=|$)/i;
/** After this comes a script, as in `sh -ec`. */
const SCRIPT_OPTION = /^-[a-z]*c$/i;
/** After this comes a header, as for curl. */
const HEADER_OPTION = /^(?:-H|--header)$/;
/** A header, up to its value, which needs no blank before it. */
const HEADER = /^(([\w.-]{1,256}):[ \t]*)/;
/** An argument that is one assignment or header, up to its value. Behind a colon alone is often a tag. */
const ASSIGNMENT = /^((-{0,2}[\w.-]{1,256})(?:=|:[ \t]+))/;

/** A name in a text, and what separates it from its value. Only a whole word is tried, and just once. */
const NAMED = /(?<![\w.-])([\w.-]+)(["']?=|["']:[ \t]*|:[ \t]+|[ \t]+)/g;
/** How far a value goes, by what stands before it. */
const VALUES = {
  /** The rest of what is in the same quotes as the name. */
  '"': /[^"]+/y,
  "'": /[^']+/y,
  /** A value of JSON. */
  json: /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[^\s,}\]]+/ys,
  /** What follows a colon. After `Bearer` and its like comes the secret. */
  colon: /(?:(?:bearer|basic|digest|token)[ \t]+)?(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s"']+)/iy,
  /** A word of a shell, whose quotes may be open. */
  word: /(?:"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|'[^']*(?:'|$)|\\.|[^\s"'\\;&|])+/ys,
};
/** A password in a URL, behind the user: it is followed by `@`. */
const URL_PASSWORD = /(?<=:\/\/[^\s/:@]{0,256}):[^\s/@]+(?=@)/g;

/** Masks the values that stand behind names anywhere in a text. */
function maskWords(text: string, isSecret: (name: string) => boolean): string {
  let masked = "";
  let done = 0;
  NAMED.lastIndex = 0;
  for (let found = NAMED.exec(text); found !== null; found = NAMED.exec(text)) {
    const [, name = "", separator = ""] = found;
    // A blank separates a value only from an option.
    if ((/^[ \t]/.test(separator) && !name.startsWith("-")) || !isSecret(name)) continue;
    const value = valueAfter(text.charAt(found.index - 1), separator);
    value.lastIndex = NAMED.lastIndex;
    if (!value.test(text)) continue;
    masked += text.slice(done, NAMED.lastIndex) + MASKED;
    done = value.lastIndex;
    NAMED.lastIndex = done;
  }
  return masked + text.slice(done);
}

function valueAfter(before: string, separator: string): RegExp {
  if (/^["']/.test(separator)) return VALUES.json;
  if (before === '"' || before === "'") return VALUES[before];
  return separator.startsWith(":") ? VALUES.colon : VALUES.word;
}
