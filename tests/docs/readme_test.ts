/** README has a way to all of its sections, and names all that there is. */

import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { filesIn } from "../sources.ts";

const readme = await Deno.readTextFile(`${ROOT}README.md`);

Deno.test("The contents of README lead to each of its sections, in order", () => {
  const sections = [...readme.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  const [, contents = ""] = /^\*\*Contents:\*\*([^]*?)\n\n/m.exec(readme) ?? [];
  const listed = [...contents.matchAll(/\[(.*?)\]/g)].map(([, title]) => title);
  assert.deepEqual(listed.filter((title) => sections.includes(title)), sections);
});

Deno.test("README names every document, and its layout every folder", async () => {
  const [, layout = ""] = readme.split("## Layout");
  const files = await filesIn("", /./);
  const folders = new Set(
    files.map((path) => /^(lib\/)?[^./][^/]*\//.exec(path)?.[0]).filter((folder) =>
      folder !== undefined
    ),
  );
  for (const folder of folders) assert.ok(layout.includes(`\`${folder}\``), folder);
  for (const path of files) {
    if (/^docs\/\w+\.md$/.test(path)) assert.ok(readme.includes(`(${path})`), path);
  }
});
