import { describeGrammar } from "../../lib/cli/grammar.ts";
import { APIS_PAGE, withMethodTable } from "../../build/apis.ts";
import { SECURITY_PAGE, withRoleTable } from "../../build/roles.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";

Deno.test("The table in docs/apis.md is what `deno task docs` writes", async () => {
  const page = await Deno.readTextFile(APIS_PAGE);
  assert.equal(page, withMethodTable(page));
});

Deno.test("The table of roles in docs/security.md is what `deno task docs` writes", async () => {
  const page = await Deno.readTextFile(SECURITY_PAGE);
  assert.match(page, /`StreamAudit`/);
  assert.equal(page, withRoleTable(page));
});

Deno.test("README names every subcommand of worker-cli", async () => {
  const [, section = ""] = (await Deno.readTextFile(`${ROOT}README.md`)).split(
    "\n## The command line\n",
  );
  const [forms = ""] = section.split("Everywhere:");
  for (const { name } of describeGrammar().commands) {
    assert.match(forms, new RegExp(`\\b${name}\\b`));
  }
});
