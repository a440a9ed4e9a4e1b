/**
 * `deno task docs`: writes what can be derived from the sources, the manual pages and the tables and the
 * graph in the document about the architecture.
 *
 * @module
 */

import { ARCHITECTURE, architecture } from "./architecture.ts";
import { MANUAL_DIRECTORY, manualPages } from "./manual.ts";

await Deno.mkdir(MANUAL_DIRECTORY, { recursive: true });
for (const [name, page] of manualPages()) {
  await Deno.writeTextFile(new URL(name, MANUAL_DIRECTORY), page);
}
const document = new URL(`../${ARCHITECTURE}`, import.meta.url);
await Deno.writeTextFile(document, await architecture(await Deno.readTextFile(document)));
