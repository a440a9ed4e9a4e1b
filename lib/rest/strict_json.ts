import { JobWorkerError } from "../errors.ts";
import { MAX_ARGUMENTS, MAX_VARIABLES } from "../job/command.ts";

/** How deeply objects and arrays may be nested; our own messages need five levels. */
const MAX_LEVELS = 32;

/** As many entries as the largest object and the largest array of our messages may have. */
const MAX_ENTRIES = { object: MAX_VARIABLES, array: MAX_ARGUMENTS } as const;

/** An object or array that is open where the text is being read. */
interface Level {
  readonly kind: keyof typeof MAX_ENTRIES;
  /** The key under which it is found, if it has one. */
  readonly name: string;
  readonly keys: Set<string>;
  /** The last key in it. */
  key: string;
  entries: number;
}

/**
 * Reads JSON, and refuses what two parsers could understand in two ways: text that is not UTF-8, a key that
 * appears twice, and `__proto__`, which is a key to some and a prototype to others. Before anything is made of
 * the text, it refuses more levels and more entries than any message of ours has.
 *
 * @throws {JobWorkerError} `invalid_argument`
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    check(text);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof JobWorkerError) throw error;
    throw invalid("it is not JSON in UTF-8");
  }
}

/** The characters that say what a text of JSON consists of. */
const [QUOTE, BACKSLASH, COLON, COMMA, OPEN_OBJECT, OPEN_ARRAY, CLOSE_OBJECT, CLOSE_ARRAY] = Array
  .from('"\\:,{[}]', (character) => character.charCodeAt(0));

/** Need not notice what is not JSON. */
function check(text: string): void {
  const levels: Level[] = [];
  let level: Level | undefined;
  // Where the last string begins and ends.
  let begin = 0;
  let end = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        begin = at;
        end = at = endOfString(text, at);
        break;
      case COLON:
        if (level === undefined) break;
        addKey(level, JSON.parse(text.slice(begin, end + 1)));
        count(levels, level);
        // What is not JSON could have a key read once for every colon.
        begin = end = 0;
        break;
      case COMMA:
        if (level?.kind === "array") count(levels, level);
        break;
      case OPEN_OBJECT:
        levels.push(level = levelIn(level, "object"));
        if (levels.length > MAX_LEVELS) throw tooDeep();
        break;
      case OPEN_ARRAY:
        levels.push(level = levelIn(level, "array"));
        if (levels.length > MAX_LEVELS) throw tooDeep();
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        levels.pop();
        level = levels.at(-1);
    }
  }
}

/** Where the string that begins there ends. */
function endOfString(text: string, begin: number): number {
  let at = begin + 1;
  for (; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) break;
    if (character === BACKSLASH) at++;
  }
  return at;
}

function levelIn(outer: Level | undefined, kind: Level["kind"]): Level {
  const name = outer?.kind === "object" ? outer.key : "";
  // An array has an entry more than commas.
  return { kind, name, keys: new Set(), key: "", entries: kind === "array" ? 1 : 0 };
}

function addKey(level: Level, key: string): void {
  const shown = JSON.stringify(key.slice(0, 60));
  if (key === "__proto__") throw invalid(`the key ${shown} is not allowed`);
  if (level.keys.has(key)) throw invalid(`the key ${shown} appears twice`);
  level.keys.add(key);
  level.key = key;
}

function count(levels: readonly Level[], level: Level): void {
  const { kind } = level;
  if (++level.entries <= MAX_ENTRIES[kind]) return;
  const field = levels.map(({ name }) => name.slice(0, 60)).filter((name) => name !== "").join(".");
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${field || "request body"}: it has more than ${MAX_ENTRIES[kind]} entries, and no ` +
      `${kind} may have more`,
    field === "" ? {} : { field },
  );
}

function tooDeep(): JobWorkerError {
  return invalid(`it has more than ${MAX_LEVELS} levels`);
}

function invalid(why: string): JobWorkerError {
  return new JobWorkerError("invalid_argument", `Cannot read the request body: ${why}`);
}
