/**
 * Runs in PID and mount namespaces of its own, and makes process ids odd while a session is young. Prints which of its groups are found.
 *
 * Its argument says how: `anew` has them begin anew, and `elsewhere` has /proc tell which was given last somewhere else.
 *
 * @module
 */

import { ProcessGroups } from "../../lib/process/process_groups.ts";
import { until } from "../worker/fixture.ts";

const [how, directory] = Deno.args;

/** Has the kernel go on after this process id, see pid_namespaces(7). */
function goOnAfter(pid: number): void {
  Deno.writeTextFileSync("/proc/sys/kernel/ns_last_pid", String(pid));
}

/** Has /proc/loadavg tell that this one was given last. */
async function tell(pid: number): Promise<void> {
  const path = `${directory}/loadavg`;
  await Deno.writeTextFile(path, `0.00 0.00 0.00 1/1 ${pid}\n`);
  const { success } = await new Deno.Command("mount", { args: ["--bind", path, "/proc/loadavg"] })
    .output();
  if (!success) throw new Error("Cannot mount");
}

await using groups = new ProcessGroups({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
if (how === "elsewhere") await tell(20_001);
// So that its shell is there.
await groups.liveGroups(1, performance.now());
goOnAfter(20_000);
const since = performance.now();
const leader = new Deno.Command("setsid", {
  args: ["bash", "-c", "set -m; read -r _; sleep 1000 & exec cat"],
  stdin: "piped",
  stdout: "null",
}).spawn();
await until(async () => (await groups.liveGroups(leader.pid)).length === 1);
if (how === "anew") goOnAfter(300);
const input = leader.stdin.getWriter();
await input.write(new TextEncoder().encode("\n"));
await until(async () => (await groups.liveGroups(leader.pid)).length === 2);
const found = await groups.liveGroups(leader.pid, since);
for (const group of await groups.liveGroups(leader.pid)) await groups.signal("KILL", group);
await leader.status;
await input.close().catch(() => {});
const text = JSON.stringify({ leader: leader.pid, found });
Deno.stdout.writeSync(new TextEncoder().encode(text));
