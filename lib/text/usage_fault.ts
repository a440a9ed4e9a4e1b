import { messageOf } from "../errors.ts";

/**
 * How the first lines of messages from `parseArgs()` of node:util begin, and what we say instead.
 */
const FAULTS: readonly (readonly [RegExp, (what: string) => string])[] = [
  [/^Unknown option '(.+?)'/, (flag) => `Unknown option ${JSON.stringify(flag)}`],
  [/^Unexpected argument '(.*)'\. /, (word) => `Unexpected argument ${JSON.stringify(word)}`],
  [
    /^Option '(?:-\w, )?(--[\w-]+).*' (?:argument missing|argument is ambiguous)/,
    (flag) => `${flag} needs a value`,
  ],
  [
    /^Option '(?:-\w, )?(--[\w-]+).*' does not take an argument/,
    (flag) => `${flag} takes no value`,
  ],
];

/** What is wrong with a command line, without Node's advice about quoting. */
export function usageFault(error: unknown): string {
  const [text = ""] = messageOf(error).split("\n");
  for (const [pattern, say] of FAULTS) {
    const [, what] = pattern.exec(text) ?? [];
    if (what !== undefined) return say(what);
  }
  return text;
}
