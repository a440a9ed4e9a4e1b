import { messageOf } from "../errors.ts";

/** What `parseArgs()` of node:util says, by its first line, and what we say. */
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

/** What is wrong with a line, without the advice of Node about quoting. */
export function usageFault(error: unknown): string {
  const [text = ""] = messageOf(error).split("\n");
  for (const [pattern, say] of FAULTS) {
    const [, what] = pattern.exec(text) ?? [];
    if (what !== undefined) return say(what);
  }
  return text;
}
