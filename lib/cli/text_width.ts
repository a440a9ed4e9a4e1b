import stringWidth from "string-width";

const graphemes = new Intl.Segmenter();

/** How many columns of a terminal printable text takes. */
export function textWidth(text: string): number {
  return stringWidth(text);
}

/** Cuts printable text that is wider than `columns`, and ends it with `…`. */
export function truncate(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let cut = "";
  let left = columns - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= textWidth(segment);
    if (left < 0) break;
    cut += segment;
  }
  return columns > 0 ? `${cut}…` : "";
}
