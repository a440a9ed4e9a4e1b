import { textWidthFor, truncate } from "./text_width.ts";

const GAP = "  ";

/** Options of {@linkcode table}. */
export interface TableOptions {
  /** The maximum width of a line. The widest columns give way. */
  readonly columns: number;
  /** Colours the text of a cell, without changing its width. */
  readonly paint?: (text: string, row: number, column: number) => string;
}

/** Lays out rows of printable text in columns as wide as their widest cell. */
export async function table(
  rows: readonly (readonly string[])[],
  options: TableOptions,
): Promise<string[]> {
  const { columns, paint = (text) => text } = options;
  const textWidth = await textWidthFor(rows.flat());
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, textWidth(cell));
    });
  }
  const cap = capOf(widths, columns);
  return rows.map((row, rowIndex) => {
    let line = "";
    let left = columns;
    for (const [column, cell] of row.entries()) {
      if (left <= 0) break;
      const width = Math.min(widths[column] ?? 0, cap, left);
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

/** The greatest width of a column with which all of them fit. */
function capOf(widths: readonly number[], columns: number): number {
  const gaps = GAP.length * (widths.length - 1);
  const fits = (cap: number) =>
    widths.reduce((sum, width) => sum + Math.min(width, cap), gaps) <= columns;
  let cap = columns;
  while (cap > 1 && !fits(cap)) cap--;
  return cap;
}
