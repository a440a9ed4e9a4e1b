import { textWidthFor, truncate } from "./text_width.ts";

const GAP = "  ";

/** What is left of the last column, before others give way. */
const MIN_LAST = 4;

/** Options of {@linkcode table}. */
export interface TableOptions {
  /** The maximum width of a line. The last column gives way, then the widest others. */
  readonly columns: number;
  /** The columns that do not give way, because somebody types what is in them. */
  readonly whole?: readonly number[];
  /** Colours the text of a cell, without changing its width. */
  readonly paint?: (text: string, row: number, column: number) => string;
}

/** Lays out rows of printable text in columns as wide as their widest cell. */
export async function table(
  rows: readonly (readonly string[])[],
  options: TableOptions,
): Promise<string[]> {
  const { columns, whole = [], paint = (text) => text } = options;
  const textWidth = await textWidthFor(rows.flat());
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, textWidth(cell));
    });
  }
  const cap = capOf(widths, { columns, whole });
  return rows.map((row, rowIndex) => {
    let line = "";
    let left = columns;
    for (const [column, cell] of row.entries()) {
      if (left <= 0) break;
      const isLast = column === widths.length - 1;
      const gives = !isLast && !whole.includes(column);
      const width = Math.min(widths[column] ?? 0, gives ? cap : left, left);
      left -= width + GAP.length;
      const text = truncate(cell, width, textWidth);
      const gap = column === row.length - 1 || left <= 0
        ? ""
        : " ".repeat(width - textWidth(text)) + GAP;
      line += paint(text, rowIndex, column) + gap;
    }
    return line;
  });
}

/** The greatest width of those that give way before the last one, with which all of them fit. */
function capOf(
  widths: readonly number[],
  { columns, whole }: { readonly columns: number; readonly whole: readonly number[] },
): number {
  const last = widths.length - 1;
  const others = widths.filter((_, column) => column !== last && !whole.includes(column));
  const kept = widths.map((width, column) =>
    whole.includes(column) ? width : column === last ? Math.min(width, MIN_LAST) : 0
  );
  const room = columns - GAP.length * last - kept.reduce((sum, width) => sum + width, 0);
  const fits = (cap: number) =>
    others.reduce((sum, width) => sum + Math.min(width, cap), 0) <= room;
  let cap = columns;
  while (cap > 1 && !fits(cap)) cap--;
  return cap;
}
