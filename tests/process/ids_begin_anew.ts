/**
 * Runs in a PID namespace of its own, whose process ids it has begin anew while a session is young. Prints how many
 * groups of that are found.
 *
 * @module
 */

import { ProcessGroups } from "../../lib/process/process_groups.ts";
import { until } from "../worker/fixture.ts";

/** Has the kernel go on after this process id, see pid_namespaces(7). */
function goOnAfter(pid: number): void {
  Deno.writeTextFileSync("/proc/sys/kernel/ns_last_pid", String(pid));
}

await using groups = new ProcessGroups({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
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
goOnAfter(300);
const input = leader.stdin.getWriter();
await input.write(new TextEncoder().encode("\n"));
await until(async () => (await groups.liveGroups(leader.pid)).length === 2);
const found = await groups.liveGroups(leader.pid, since);
for (const group of await groups.liveGroups(leader.pid)) await groups.signal("KILL", group);
await leader.status;
await input.close().catch(() => {});
const text = JSON.stringify({ leader: leader.pid, found });
Deno.stdout.writeSync(new TextEncoder().encode(text));
