/**
 * The parts of `docs/architecture.md` that can be read from the sources: which folder may import which,
 * what may be used where, and the graph of the imports as they are. Each stands between two comments.
 *
 * @module
 */

import { folderOf, importsOf, MAY_IMPORT, SHARED } from "../tests/layering.ts";
import { RESTRICTED } from "./lint/allowed_place.ts";
import { layeredSources } from "../tests/sources.ts";

/** The document, from the top of the repository. */
export const ARCHITECTURE = "docs/architecture.md";

/**
 * Writes the parts anew into a text of the document.
 *
 * @throws if a part has no place in it
 */
export async function architecture(text: string): Promise<string> {
  const parts = {
    "folder rules": folderRules(),
    "restricted": restricted(),
    "folder graph": folderGraph(await layeredSources()),
  };
  return Object.entries(parts).reduce((text, [name, part]) => {
    const place = new RegExp(`(<!-- begin: ${name} -->\n)[^]*(<!-- end: ${name} -->)`);
    if (!place.test(text)) throw new Error(`${ARCHITECTURE} has no place for "${name}"`);
    return text.replace(place, (_, begin, end) => `${begin}\n${part}\n\n${end}`);
  }, text);
}

/** Which folder may import which, without those that all may import. */
function folderRules(): string {
  const folders = Object.entries(MAY_IMPORT).filter(([folder]) => !SHARED.includes(folder));
  return table(
    ["folder", "may import", "types only, of"],
    folders.map(([folder, rights]) => {
      const those = (right: string) =>
        Object.entries(rights).filter(([, has]) => has === right).map(([name]) => code(name));
      return [code(folder), those("all").join(", "), those("types").join(", ")];
    }),
  );
}

function restricted(): string {
  return table(
    ["what", "only in"],
    RESTRICTED.map(({ what, places }) => [code(what), places.map(code).join(", ")]),
  );
}

/** The graph of the folders. An arrow is dotted if all that is imported are types. */
function folderGraph(sources: ReadonlyMap<string, string>): string {
  const arrows = new Map<string, boolean>();
  for (const [path, text] of sources) {
    const from = folderOf(path);
    for (const { to, typesOnly } of importsOf(path, text)) {
      const target = folderOf(to);
      if (!to.startsWith("lib/") || [from, ...SHARED].includes(target)) continue;
      if (SHARED.includes(from)) continue;
      const edge = `${node(from)} -.-> ${node(target)}`;
      arrows.set(edge, (arrows.get(edge) ?? true) && typesOnly);
    }
  }
  const lines = [...arrows].map(([edge, typesOnly]) =>
    `  ${typesOnly ? edge : edge.replace("-.->", "-->")}`
  );
  return ["```mermaid", "flowchart TD", ...lines.toSorted(), "```"].join("\n");
}

/** A folder, or an entry, whose name has a dot that mermaid would not take. */
function node(name: string): string {
  return name.includes(".") ? `${name.replace(".", "_")}["${name}"]` : name;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** A table as `deno fmt` would have it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
