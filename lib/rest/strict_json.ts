import { JobWorkerError } from "../errors.ts";

/** How deeply objects and arrays may be nested; our own messages need five levels. */
const MAX_LEVELS = 32;

/** A string, which is a key if a colon follows, or a bracket of an object or array. */
const TOKEN = /"(?:[^"\\]+|\\.)*"(\s*:)?|[{}[\]]/gs;

/**
 * Reads JSON, and refuses what two parsers could understand in two ways: text that is not UTF-8, a key that
 * appears twice, and `__proto__`, which is a key to some and a prototype to others.
 *
 * @throws {JobWorkerError} `invalid_argument`
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw invalid("it is not JSON in UTF-8");
  }
  checkKeys(text);
  return value;
}

/** Expects valid JSON. */
function checkKeys(text: string): void {
  const levels: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(TOKEN)) {
    switch (token.charAt(0)) {
      case "{":
      case "[":
        levels.push(new Set());
        if (levels.length > MAX_LEVELS) throw invalid(`it has more than ${MAX_LEVELS} levels`);
        break;
      case "}":
      case "]":
        levels.pop();
        break;
      default:
        if (colon !== undefined) {
          const key: string = JSON.parse(token.slice(0, -colon.length));
          const shown = JSON.stringify(key.slice(0, 60));
          if (key === "__proto__") throw invalid(`the key ${shown} is not allowed`);
          if (levels.at(-1)?.has(key)) throw invalid(`the key ${shown} appears twice`);
          levels.at(-1)?.add(key);
        }
    }
  }
}

function invalid(why: string): JobWorkerError {
  return new JobWorkerError("invalid_argument", `Cannot read the request body: ${why}`);
}
