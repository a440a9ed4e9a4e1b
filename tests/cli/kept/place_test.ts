import { socketDirectory } from "../../../lib/cli/kept/place.ts";
import { assert } from "../../assert.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

const HEAD = new URL("../../../build/head.sh", import.meta.url);

/** Where the head of the executable allows sockets to be made. */
async function allowedPlace(env: Record<string, string>): Promise<string> {
  const [choice = ""] = /case \$\{XDG_RUNTIME_DIR-\} in\n[^]*?\n +esac\n/.exec(
    await Deno.readTextFile(HEAD),
  ) ?? [];
  const args = ["-c", `${choice}printf %s "$kept"`];
  const { stdout } = await new Deno.Command("/bin/sh", { args, env, clearEnv: true }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("socketDirectory() is where the head of the executable allows it", async () => {
  await using runtime = await temporaryDirectory();
  await using home = await temporaryDirectory();
  const rows: readonly (readonly [Record<string, string>, string])[] = [
    [{ XDG_RUNTIME_DIR: runtime.path, HOME: home.path }, runtime.path],
    [{ XDG_RUNTIME_DIR: "relative", HOME: home.path }, home.path],
    [{ HOME: home.path }, home.path],
  ];
  for (const [env, base] of rows) {
    const place = await socketDirectory((name) => env[name]);
    assert.ok(place.startsWith(`${base}/`), place);
    assert.equal(await allowedPlace(env), place);
  }
});
