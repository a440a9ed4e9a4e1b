/** What documents and sources say of files of the repository is so: the files and headings are there. */

import { dirname, join } from "node:path/posix";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { documents, filesIn } from "../sources.ts";

/** A path below a folder of the repository, wherever it stands. Tests make up files of one letter. */
const PATH =
  /(?<![\w/.@-])(?:\.ci|bench|build|deploy|docs|lib|proto|tests)\/(?![a-z/_]*\b[a-z]\.ts)[\w./-]*\w/g;

/** A link to another place in the repository, with or without a heading. */
const LINK = /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g;

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(ROOT + path).then(() => true, () => false);
}

/** The headings of a document as GitHub makes anchors of them. */
function anchorsOf(text: string): string[] {
  const prose = text.replace(/^```[^]*?^```$/gm, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

/** The links of a document that lead nowhere. */
async function brokenLinks(document: string, text: string): Promise<string[]> {
  const broken: string[] = [];
  for (const [link, file = "", anchor] of text.matchAll(LINK)) {
    const to = file === "" ? document : join(dirname(document), file);
    const target = file === "" ? text : await Deno.readTextFile(ROOT + to).catch(() => null);
    const found = target === null
      ? await exists(to)
      : anchor === undefined || anchorsOf(target).includes(anchor);
    if (!found) broken.push(`${document}: ${link}`);
  }
  return broken;
}

Deno.test("Every path that a document or a source names is there", async () => {
  const missing: string[] = [];
  for (const file of await filesIn("", /\.(?:ts|js|css|sh|md|proto|json|service|socket)$/)) {
    for (const [path] of (await Deno.readTextFile(ROOT + file)).matchAll(PATH)) {
      if (!await exists(path)) missing.push(`${file}: ${path}`);
    }
  }
  assert.deepEqual(missing, []);
});

Deno.test("Every link of a document leads somewhere", async () => {
  const broken: string[] = [];
  for (const document of await documents()) {
    broken.push(...await brokenLinks(document, await Deno.readTextFile(ROOT + document)));
  }
  assert.deepEqual(broken, []);
});

Deno.test("The contents of the documentation name every page of it", async () => {
  const contents = await Deno.readTextFile(`${ROOT}docs/README.md`);
  const linked = Array.from(contents.matchAll(LINK), ([, file = ""]) => join("docs", file));
  const pages = (await documents()).filter((document) => dirname(document) === "docs");
  assert.ok(pages.length > 10);
  assert.deepEqual(pages.filter((page) => !linked.includes(page)), ["docs/README.md"]);
});

Deno.test("The tests of paths and links know what is wrong", async () => {
  const paths = (text: string) => [...text.matchAll(PATH)].map(([path]) => path);
  const missing = ["lib", "no.ts"].join("/");
  assert.deepEqual(paths(`\`${missing}\`, ${missing}; not lib/cli/a.ts or /usr/lib/x`), [
    missing,
    missing,
  ]);
  const text = "# A `b`: c\n[1](#a-b-c) [2](#b) [3](no.md) [4](docs/page.md#no) [5](docs/page.md)";
  assert.deepEqual(await brokenLinks("README.md", text), [
    "README.md: ](#b)",
    "README.md: ](no.md)",
    "README.md: ](docs/page.md#no)",
  ]);
});
