import { fileURLToPath } from "node:url";
import { assert } from "../../assert.ts";
import { rootTest } from "../../root.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./lookup_descriptors.ts"));

rootTest(
  "Jobs that are prepared as another user find descriptors enough, as many at once as may run",
  async () => {
    await using directory = await temporaryDirectory();
    const deno = [Deno.execPath(), "run", "--quiet", "-A", PROGRAM, directory.path, "130"];
    const { stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", 'ulimit -n 130 && exec "$@"', "sh", ...deno],
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(decode(stderr), "");
    const { maxRunning, ran, refusals } = JSON.parse(decode(stdout));
    assert.equal(maxRunning, 11);
    assert.ok(ran > 2 * maxRunning, `${ran}`);
    assert.deepEqual(refusals, [
      "Cannot start the job: as many jobs are running as may, 11 (the daemon's --max-running); " +
      "have the job wait until one has ended (--queue)",
    ]);
  },
);
