import { fileURLToPath } from "node:url";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory } from "./fixture.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./pid_one.ts"));

for (const cgroups of ["true", "false"]) {
  // Only root can make a PID namespace.
  rootTest(
    `A worker without an init to reap orphans sees its jobs end, cgroups=${cgroups}`,
    async () => {
      await using directory = await temporaryDirectory();
      const { stdout, stderr } = await new Deno.Command("unshare", {
        args: [
          ...["--pid", "--fork", "--kill-child", "--mount-proc", Deno.execPath(), "run", "--quiet"],
          ...["-A", PROGRAM, directory.path, cgroups],
        ],
      }).output();
      const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assert.equal(decode(stderr), "");
      const { pid, outcomes, zombies } = JSON.parse(decode(stdout));
      assert.deepEqual(outcomes, [{ code: 3 }, { signal: "SIGKILL" }]);
      assert.equal(pid, 1);
      assert.ok(zombies > 0, "There was nothing to be taken in by");
    },
  );
}
