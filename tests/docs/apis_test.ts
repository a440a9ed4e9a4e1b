import { APIS_PAGE, withMethodTable } from "../../build/apis.ts";
import { assert } from "../assert.ts";

Deno.test("The table in docs/apis.md is what `deno task docs` writes", async () => {
  const page = await Deno.readTextFile(APIS_PAGE);
  assert.equal(page, withMethodTable(page));
});
