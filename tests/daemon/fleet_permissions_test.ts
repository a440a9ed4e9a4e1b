import { assert } from "../assert.ts";
import { TestHub } from "../fleet/test_hub.ts";
import { ROOT, taskArgs } from "../programs.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { runDaemonProgram } from "./programs.ts";

/** Runs the daemon's program with the rights that it asks for with these arguments, and no others. */
async function withOwnRights(args: readonly string[], cwd: string): Promise<string[]> {
  const asked = await runDaemonProgram(["permissions", ...args]);
  assert.deepEqual([asked.code, asked.stderr], [0, ""]);
  const flags = asked.stdout.split("\n").filter((flag) => flag !== "");
  const common = taskArgs("start", ROOT).filter((arg) =>
    arg.startsWith("--") && !/^--allow-(write|run|net)/.test(arg)
  );
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...common, "--no-check", ...flags, `${ROOT}server.ts`, ...args],
    cwd,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return flags;
}

Deno.test("host and join need no more rights than they ask for", async () => {
  await using hub = await TestHub.make();
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const dir = `--dir=${hub.directory}`;
  const out = `${path}/web-1.join`;
  const add = ["host", "add", "web-1", "--slots=1", `--out=${out}`, dir];
  assert.deepEqual(await withOwnRights(add, path), [`--allow-write=${hub.directory},${out}`]);
  assert.deepEqual(await withOwnRights(["host", "list", dir], path), []);
  const place = `${path}/host`;
  assert.deepEqual(await withOwnRights(["join", out, `--dir=${place}`], path), [
    `--allow-write=${place},${place}/data`,
    "--allow-sys=hostname",
  ]);
  assert.deepEqual(await withOwnRights(["host", "remove", "web-1", dir], path), [
    `--allow-write=${hub.directory}`,
  ]);
  const made = ["init", "--hub", `--dir=${path}/hub`];
  assert.deepEqual(await withOwnRights(made, path), [
    `--allow-write=${path}/hub,${path}/hub/data`,
    "--allow-sys=hostname",
  ]);
  const comma = await runDaemonProgram(["permissions", ...add.slice(0, -2), "--out=a,b", dir]);
  assert.deepEqual([comma.code, comma.stdout], [2, ""]);
});
