/** Sources and documents cite only what a reader can find. */

import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { filesIn } from "../sources.ts";

/** What points to a list of cases, a plan or an issue that is not in the repository. */
const ELSEWHERE = [
  /\b[A-Z]-\d\d\b/,
  /\b(?:design|cases|style|plan)\.md\b/,
  /\b(?:the|our) design\b|\bdesign §/i,
  /\bissue #?\d/i,
];

/** The first place that a text cites, and that nobody who reads it can find. */
function citation(text: string): string | null {
  for (const pattern of ELSEWHERE) {
    const found = pattern.exec(text);
    if (found !== null) return found[0];
  }
  return null;
}

Deno.test("Nothing cites a document or a number that is not in the repository", async () => {
  const found: string[] = [];
  for (const path of await filesIn("", /\.(?:ts|js|css|sh|md|proto)$/)) {
    if (path === "tests/docs/citations_test.ts") continue;
    const cited = citation(await Deno.readTextFile(ROOT + path));
    if (cited !== null) found.push(`${path}: ${cited}`);
  }
  assert.deepEqual(found, []);
});

Deno.test("The test of citations knows one that leads nowhere", () => {
  for (const text of ["R-02: a case", "see design.md", "as the design has it", "of issue 7"]) {
    assert.ok(citation(text) !== null, text);
  }
  for (
    const text of ["ECDSA P-256", "RFC 5280 §4.2.1.1", "denoland/deno#36788", "&#39;", "UTF-8"]
  ) {
    assert.equal(citation(text), null, text);
  }
});
