import { assert } from "../assert.ts";
import { delay } from "../../lib/async/delay.ts";
import { shownAsZombie, WITHOUT_FIRST_THREAD } from "../process/first_thread.ts";
import { TOOLS } from "../process/tools.ts";
import { until } from "../worker/fixture.ts";

const MODULE = new URL("../../lib/daemon/executor_process.ts", import.meta.url);

/** A process that waits for the end of another with no more permissions than the engine has. */
function waiter(pid: number): Deno.ChildProcess {
  const script = `import { processEnded } from ${JSON.stringify(MODULE.href)};
console.log("waiting");
await processEnded(${pid}, ${JSON.stringify(TOOLS.setsid)});`;
  const url = `data:application/typescript,${encodeURIComponent(script)}`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-read", `--allow-run=${TOOLS.setsid}`, url],
    stdin: "null",
    stdout: "piped",
  }).spawn();
}

Deno.test("processEnded() waits for every thread of a process, as each holds its files open", async () => {
  const child = new Deno.Command(TOOLS.setsid, {
    args: [...WITHOUT_FIRST_THREAD],
    stdin: "null",
  }).spawn();
  await until(() => shownAsZombie(child.pid));
  const waiting = waiter(child.pid);
  const output = waiting.stdout.getReader();
  await output.read();
  // It looks every tenth of a second at least.
  const returned = await Promise.race([output.read().then(() => true), delay(500)]);
  child.kill("SIGKILL");
  await child.status;
  const { code } = await waiting.status;
  await output.cancel();
  assert.equal(returned, undefined);
  assert.equal(code, 0);
});
