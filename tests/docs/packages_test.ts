/** What docs/packages.md says of the names that deno.json resolves to modules of our own is so. */

import { assert, assertEquals } from "@std/assert";
import { ROOT } from "../programs.ts";
import { filesIn } from "../sources.ts";

const document = await Deno.readTextFile(`${ROOT}docs/packages.md`);

/** An import that is code; examples in comments are none. */
const IMPORT = /^(?!\s*(?:\*|\/\/)).*(?:from |import\()"(@std\/[\w/-]+)"/gm;

/** The files that import each name. */
async function importers(): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  for (const file of await filesIn("", /\.ts$/)) {
    for (const [, name = ""] of (await Deno.readTextFile(ROOT + file)).matchAll(IMPORT)) {
      found.set(name, (found.get(name) ?? new Set()).add(file));
    }
  }
  return found;
}

Deno.test("docs/packages.md says for each name what exchanges it", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const names = Object.keys(imports).filter((name) => name.startsWith("@std/"));
  const [, lines = ""] = /^```json\n([^]*?),\n```$/m.exec(document) ?? [];
  const exchanged = Object.entries<string>(JSON.parse(`{${lines}}`));
  assertEquals(exchanged.map(([name]) => name).toSorted(), names.toSorted());
  for (const [name, target] of exchanged) {
    assertEquals(target.replace("@1", ""), `jsr:${name}`);
  }
});

Deno.test("docs/packages.md says of each name who uses it", async () => {
  const rows = [...document.matchAll(/^\| `(@std\/[^`]+)` +\| (.*?) \|/gm)];
  const found = await importers();
  assertEquals(rows.map(([, name]) => name).toSorted(), [...found.keys()].toSorted());
  for (const [, name = "", cell = ""] of rows) {
    const places = cell.match(/(?<=`)[\w./]+(?=`)/g) ?? [];
    const files = [...found.get(name) ?? []].filter((file) => !file.startsWith("tests/std/"));
    for (const file of files) {
      assert(places.some((place) => file.startsWith(place)), `${file} uses ${name}`);
    }
    for (const place of places) {
      assert(files.some((file) => file.startsWith(place)), `${place} does not use ${name}`);
    }
  }
});
