/**
 * The tables of docs/apis.md, from the table of methods and that of limits.
 *
 * @module
 */

import { MAX_ENTRIES } from "../lib/job/max_entries.ts";
import {
  isStream,
  JOB_METHODS,
  type JobMethod,
  type Method,
  METHODS,
  operationIn,
} from "../lib/service/methods.ts";
import { type Operation, OPERATIONS } from "../lib/rest/operations.ts";
import { table } from "./table.ts";

/** The document that holds the tables. */
export const APIS_PAGE: URL = new URL("../docs/apis.md", import.meta.url);

/** The document with today's tables in place of those that it holds: of the methods, and of what they may be given. */
export function withMethodTable(page: string): string {
  const tables = [methodTable(), limitTable()];
  return page.replace(/^\|.*\|$(\n\|.*\|$)*/gm, (found) => tables.shift() ?? found);
}

/** Each method as a row, under the names that it has on every API. */
function methodTable(): string {
  const heading = ["gRPC", "REST", "`worker-cli`", "page", "largest request"];
  return table([heading, ...JOB_METHODS.map(rowOf)]);
}

/** Each list and map of a request as a row. */
function limitTable(): string {
  const rows = Object.entries(MAX_ENTRIES).map(([field, max]) => [`\`${field}\``, `${max}`]);
  return table([["list or map of a request", "most entries"], ...rows]);
}

function rowOf(method: JobMethod): string[] {
  const { rest, cli, page = [], maxRequestBytes }: Method = METHODS[method];
  const name = method.charAt(0).toUpperCase() + method.slice(1);
  return [
    `\`${name}\`${isStream(method) ? " (stream)" : ""}`,
    rest.map(operationText).join(", "),
    cli.map((form) => `\`${form}\``).join(", "),
    page.join(", "),
    `${maxRequestBytes / 1024} KiB`,
  ];
}

function operationText(form: string): string {
  const { method, path }: Operation = OPERATIONS[operationIn(form)];
  const query = form.replace(/^\w+/, "");
  return `\`${method} ${path}${query}\``;
}
