import { PERMISSIONS_PAGE, withRightsTable } from "../../build/rights.ts";
import { assert } from "../assert.ts";

Deno.test("docs/permissions.md shows what each role keeps of root's rights: `deno task docs`", async () => {
  const page = await Deno.readTextFile(PERMISSIONS_PAGE);
  assert.equal(page, withRightsTable(page));
  assert.throws(() => withRightsTable("# Permissions\n"), /no place for the table/);
});
