/** Whether a text has at most this many Unicode characters, as JSON Schema counts them. */
export function hasAtMost(text: string, characters: number): boolean {
  // A character is one UTF-16 unit or two.
  if (text.length <= characters) return true;
  return text.length <= 2 * characters && [...text].length <= characters;
}
