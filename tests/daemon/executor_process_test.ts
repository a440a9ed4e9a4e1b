import { processEnded } from "../../lib/daemon/executor_process.ts";
import { assert } from "../assert.ts";
import { shownAsZombie, WITHOUT_FIRST_THREAD } from "../process/first_thread.ts";
import { until } from "../worker/fixture.ts";

Deno.test("processEnded() waits for every thread of a process, as each holds its files open", async () => {
  const [program, ...args] = WITHOUT_FIRST_THREAD;
  const child = new Deno.Command(program, { args, stdin: "null" }).spawn();
  await until(() => shownAsZombie(child.pid));
  let ended = false;
  const waited = processEnded(child.pid).then(() => ended = true);
  // It looks every tenth of a second at least.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const wasEnded = ended;
  child.kill("SIGKILL");
  await child.status;
  await waited;
  assert.equal(wasEnded, false);
});
