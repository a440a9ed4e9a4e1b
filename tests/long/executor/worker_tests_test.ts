/**
 * The tests of the worker library once more, with an executor in a process of its own: neither the library
 * nor its users should notice.
 *
 * @module
 */

import { assert } from "../../assert.ts";
import { ROOT } from "../../programs.ts";

Deno.test("Every test of the worker holds with an executor in a process of its own", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--quiet", "--no-check", "--allow-all", "tests/worker"],
    cwd: ROOT,
    env: { JOB_WORKER_EXECUTOR: "process", NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, text);
  assert.match(text, /^ok \| \d{3,} passed .*\| 0 failed/m);
});
