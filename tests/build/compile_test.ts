import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";

Deno.test("deno task compile explains itself, and says in words what is wrong with its line", async () => {
  const compile = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--allow-read", `${ROOT}build/compile.ts`, ...args],
      cwd: ROOT,
    }).output();
    const decoder = new TextDecoder();
    return [code, decoder.decode(stdout), decoder.decode(stderr)] as const;
  };
  const [code, help, none] = await compile("--help");
  assert.deepEqual([code, none], [0, ""]);
  assert.match(help, /^Usage: deno task compile .*\n[^]*--out=DIR/);
  const [failed, nothing, why] = await compile("--output=dist");
  assert.deepEqual([failed, nothing], [1, ""]);
  assert.equal(why, `compile: Unknown option "--output"\n${help}\n`);
});
