/**
 * `deno task docs`: writes what can be derived from the sources, the manual pages, the tables and the graph
 * in the document about the architecture, and the tables in those about the APIs, monitoring, permissions and security.
 *
 * @module
 */

import { APIS_PAGE, withMethodTable } from "./apis.ts";
import { ARCHITECTURE, architecture } from "./architecture.ts";
import { withExposureTable } from "./exposure.ts";
import { MANUAL_DIRECTORY, manualPages } from "./manual.ts";
import { MONITORING_PAGE, withMetricTable } from "./metrics.ts";
import { PERMISSIONS_PAGE, withRightsTable } from "./rights.ts";
import { SECURITY_PAGE, withRoleTable } from "./roles.ts";

await Deno.mkdir(MANUAL_DIRECTORY, { recursive: true });
for (const [name, page] of manualPages()) {
  await Deno.writeTextFile(new URL(name, MANUAL_DIRECTORY), page);
}
const document = new URL(`../${ARCHITECTURE}`, import.meta.url);
await Deno.writeTextFile(document, await architecture(await Deno.readTextFile(document)));
await Deno.writeTextFile(APIS_PAGE, withMethodTable(await Deno.readTextFile(APIS_PAGE)));
await Deno.writeTextFile(
  PERMISSIONS_PAGE,
  withExposureTable(withRightsTable(await Deno.readTextFile(PERMISSIONS_PAGE))),
);
await Deno.writeTextFile(SECURITY_PAGE, withRoleTable(await Deno.readTextFile(SECURITY_PAGE)));
await Deno.writeTextFile(
  MONITORING_PAGE,
  withMetricTable(await Deno.readTextFile(MONITORING_PAGE)),
);
