/**
 * How wide text is on a terminal. What knows the scripts of the world takes about half as long to load
 * as a call to a daemon takes: it is loaded once there is text that needs it.
 *
 * @module
 */

/** Says how many columns of a terminal printable text takes. */
export type TextWidth = (text: string) => number;

const ASCII = /^[ -~]*$/;

/** What is drawn as one picture, two columns wide, whatever it is made of: a family, a keycap. */
const PICTURE = /^(?:\p{RGI_Emoji}|[\d#*]\ufe0f)/v;

/** Measures printable texts. */
export async function textWidthFor(texts: readonly string[]): Promise<TextWidth> {
  if (texts.every((text) => ASCII.test(text))) return (text) => text.length;
  const { unicodeWidth } = await import("@std/cli/unicode-width");
  return (text) => {
    if (ASCII.test(text)) return text.length;
    let width = 0;
    for (const { segment } of new Intl.Segmenter().segment(text)) {
      width += PICTURE.test(segment) ? 2 : unicodeWidth(segment);
    }
    return width;
  };
}

/** Cuts printable text that is wider than `columns`, and ends it with `…`. */
export function truncate(text: string, columns: number, textWidth: TextWidth): string {
  if (textWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  if (ASCII.test(text)) return `${text.slice(0, columns - 1)}…`;
  let cut = "";
  let left = columns - 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    left -= textWidth(segment);
    if (left < 0) break;
    cut += segment;
  }
  return `${cut}…`;
}
