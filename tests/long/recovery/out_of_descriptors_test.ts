import { fileURLToPath } from "node:url";
import { assert } from "../../assert.ts";
import { ROOT } from "../../programs.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./out_of_descriptors.ts"));

/** What each part does while there is no descriptor, by the name that the program has for it. */
const PARTS = {
  log: "A log waits for a descriptor, and loses nothing",
  flush: "flushFile() waits for a descriptor",
  shell:
    "ProcShell waits for the descriptors of a shell, and tells who asked if it is disposed of before",
  connections: "connectionsOf() has a descriptor for one connection, and the next ones wait",
  engine:
    "EngineServer has a descriptor for one connection, and the next ones wait while it serves others",
};

for (const [part, what] of Object.entries(PARTS)) {
  Deno.test(what, async () => {
    const deno = [Deno.execPath(), "run", "--quiet", "-A", `--config=${ROOT}deno.json`, "--frozen"];
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", 'ulimit -n 100 && exec "$@"', "sh", ...deno, PROGRAM, part],
      env: { NO_COLOR: "1" },
    }).output();
    const said = new TextDecoder().decode(stderr);
    assert.equal(said.replace(/^Random choices .*\n/, ""), "");
    assert.equal(code, 0);
  });
}
