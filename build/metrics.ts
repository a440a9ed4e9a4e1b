/**
 * The table of docs/monitoring.md: every metric, from the catalogue that the daemon serves them by.
 *
 * @module
 */

import { METRIC_NAMES, METRICS } from "../lib/metrics/catalogue.ts";
import { table } from "./table.ts";

/** The document that holds the table. */
export const MONITORING_PAGE: URL = new URL("../docs/monitoring.md", import.meta.url);

/** The document with today's table in place of the one that it holds. */
export function withMetricTable(page: string): string {
  const rows = METRIC_NAMES.map((name) => {
    const { type, by, labels, help } = METRICS[name];
    const marks = labels.map((label) => `\`${label}\``).join(", ");
    return [`\`${name}\``, type, marks, by.join(", "), help];
  });
  const heading = ["metric", "type", "labels", "served by", "what it is"];
  const place = /(<!-- begin: metrics -->\n)[^]*(<!-- end: metrics -->)/;
  if (!place.test(page)) throw new Error("docs/monitoring.md has no place for the table");
  return page.replace(place, (_, begin, end) => `${begin}\n${table([heading, ...rows])}\n\n${end}`);
}
