/** The longest text that a message repeats, in UTF-16 units. */
const MAX_LENGTH = 80;

/**
 * A value as an error message shows it: in quotes if it is text, escaped, and cut if it is long.
 */
export function quoted(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > MAX_LENGTH ? `${value.slice(0, MAX_LENGTH)}…` : value);
  }
  // JSON has no NaN and no Infinity.
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
