import { assert } from "../assert.ts";

/** Runs `many_connections.ts` with this number of connections. */
export async function surviveConnections(count: number): Promise<void> {
  const { success, code, signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", `${import.meta.dirname}/many_connections.ts`, `${count}`],
    // Freed memory is overwritten at once (mallopt(3)): whatever still uses it fails each time, and
    // not only when the memory has found another use.
    env: { MALLOC_PERTURB_: "165" },
    stdout: "null",
  }).output();
  assert.ok(success, `code ${code}, signal ${signal}: ${new TextDecoder().decode(stderr)}`);
}
