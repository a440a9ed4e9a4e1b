import { assert } from "@std/assert";

Deno.test("What compiles with the modules of lib/std/ compiles with the packages that they stand in for", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--frozen", new URL("signatures.ts", import.meta.url).pathname],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
});
