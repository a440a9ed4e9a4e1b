/**
 * Manual pages in the language of man(7).
 *
 * @module
 */

/** A manual page. */
export interface ManualPage {
  readonly name: string;
  readonly version: string;
  /** What it is, for `apropos`. */
  readonly about: string;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  readonly parts: readonly Part[];
}

/** A paragraph, a term with what it means, or lines to be shown as they are. */
export type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "term"; readonly term: string; readonly text: string }
  | { readonly kind: "lines"; readonly lines: readonly string[] };

export const text = (text: string): Part => ({ kind: "text", text });
export const term = (term: string, text: string): Part => ({ kind: "term", term, text });
export const lines = (...lines: readonly string[]): Part => ({ kind: "lines", lines });

/** The page as a file of section 1. Without a date: the same input gives the same page. */
export function roffOf({ name, version, about, sections }: ManualPage): string {
  return [
    `.\\" Written by \`deno task docs\`: do not edit.`,
    `.TH ${name.toUpperCase()} 1 "" "Job Worker ${version}" "User Commands"`,
    ".SH NAME",
    `${escaped(name)} \\- ${escaped(about)}`,
    ...sections.flatMap(({ title, parts }) => [
      `.SH ${title}`,
      // A heading begins a paragraph by itself.
      ...parts.flatMap(roffOfPart).filter((line, index) => index > 0 || line !== ".PP"),
    ]),
    "",
  ].join("\n");
}

function roffOfPart(part: Part): string[] {
  switch (part.kind) {
    case "text":
      return [".PP", ...part.text.split("\n").map(escaped)];
    case "term":
      return [".TP", `\\fB${escaped(part.term)}\\fR`, ...part.text.split("\n").map(escaped)];
    case "lines":
      return [".PP", ".nf", ".RS 4", ...part.lines.map(escaped), ".RE", ".fi"];
  }
}

/** Text that stays as it is: a hyphen can be copied, and no line is taken for a request. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^[.']/, "\\&$&");
}
