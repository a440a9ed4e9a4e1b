import { assert } from "../assert.ts";
import { loadedModules } from "../loaded_modules.ts";

Deno.test("An engine never loads the library of certificates, which it would keep for a single question", async () => {
  const library = "lib/auth/x509.ts";
  const users = async (entry: string) =>
    (await loadedModules(entry)).filter(({ imports }) => imports.includes(library))
      .map(({ path }) => path);
  assert.deepEqual(await users("lib/daemon/engine.ts"), []);
  assert.deepEqual(await users("lib/daemon/job_engine.ts"), []);
  assert.notDeepEqual(await users("lib/daemon/gateway.ts"), [], "A gateway asks it of each client");
});
