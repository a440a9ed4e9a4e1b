/**
 * The table of docs/apis.md, from the table of methods.
 *
 * @module
 */

import { isStream, JOB_METHODS, type JobMethod, METHODS } from "../lib/service/methods.ts";
import { type Operation, OPERATIONS } from "../lib/rest/operations.ts";

/** The document that holds the table. */
export const APIS_PAGE: URL = new URL("../docs/apis.md", import.meta.url);

/** The document with today's table in place of the one that it holds. */
export function withMethodTable(page: string): string {
  return page.replace(/^\|.*\|$(\n\|.*\|$)*/m, methodTable());
}

/** Each method as a row, under the names that it has on every API; padded as `deno fmt` does. */
function methodTable(): string {
  const rows = [["gRPC", "REST", "`worker-cli`"], ...JOB_METHODS.map(rowOf)];
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  const [heading = "", ...lines] = rows.map((row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [heading, rule, ...lines].join("\n");
}

function rowOf(method: JobMethod): string[] {
  const { rest, cli } = METHODS[method];
  const name = method.charAt(0).toUpperCase() + method.slice(1);
  return [
    `\`${name}\`${isStream(method) ? " (stream)" : ""}`,
    rest.map((id) => operationText(OPERATIONS[id])).join(", "),
    cli.map((form) => `\`${form}\``).join(", "),
  ];
}

function operationText({ method, path }: Operation): string {
  return `\`${method} ${path}\``;
}
