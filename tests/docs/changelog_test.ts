import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";

/** Those of https://keepachangelog.com, in its order. */
const HEADINGS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

Deno.test("CHANGELOG says each change in a short line, under the headings of Keep a Changelog", async () => {
  const [, ...versions] = (await Deno.readTextFile(`${ROOT}CHANGELOG.md`)).split(/^## /m);
  assert.ok(versions.length > 0);
  for (const version of versions) {
    const headings = [...version.matchAll(/^### (.*)$/gm)].map(([, heading = ""]) => heading);
    assert.deepEqual(headings, HEADINGS.filter((heading) => headings.includes(heading)));
    for (const line of version.split("\n")) {
      assert.ok(line.length <= 120, line);
      assert.doesNotMatch(line, /^\s+\S/, "A change is one line");
    }
  }
});
