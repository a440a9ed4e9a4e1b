import { isBusy } from "../../lib/daemon/is_busy.ts";
import { assert } from "../assert.ts";
import { TOOLS } from "../process/tools.ts";
import { processStat, until } from "../worker/fixture.ts";

Deno.test("isBusy() tells a process that works from one that waits, is suspended or is no more", async () => {
  const { signal } = new AbortController();
  const busy = (pid: number) => isBusy(pid, { setsid: TOOLS.setsid, signal });
  const start = (script: string) =>
    new Deno.Command("sh", { args: ["-c", script], stdin: "null" }).spawn();
  const children = [
    start("while :; do :; done"),
    start("exec sleep 1000"),
    start(":; kill -STOP $$"),
  ];
  const states = ["R", "S", "T"];
  await until(async () => {
    const stats = await Promise.all(children.map(({ pid }) => processStat(pid)));
    const name = await Deno.readTextFile(`/proc/${children[1]?.pid}/comm`);
    return name === "sleep\n" && stats.every((stat, child) => stat?.state === states[child]);
  });
  const [working, waiting, suspended] = await Promise.all(children.map(({ pid }) => busy(pid)));
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map(({ status }) => status));
  assert.deepEqual([working, waiting, suspended], [true, false, false]);
  assert.equal(await busy(children[0]?.pid ?? 0), false);
});
