/**
 * A worker in a process that is the first of its PID namespace, as in a container without an init:
 * orphans become its children, and stay zombies since it does not reap them. Prints how jobs end
 * that leave some.
 *
 * @module
 */

import { Worker } from "../../lib/worker/mod.ts";

const [dataDirectory = "", cgroups] = Deno.args;
await using worker = await Worker.open({ dataDirectory, cgroups: cgroups === "true" });
const start = (script: string) =>
  worker.start({ command: { name: "sh", args: ["-c", script] }, owner: "alice" });

const leaving = await start("sleep 1000 & sleep 0 & exit 3");
const ended = await worker.wait(leaving.jobId);
const script = "trap '' TERM; echo ready; sh -c 'sleep 1000 & sleep 1000 & wait' & wait";
const stubborn = await start(script);
const log = worker.readLog(stubborn.jobId, {
  start: { kind: "offset", offset: 0 },
  streams: ["stdout"],
  follow: true,
});
for await (const { records } of log) if (records.length > 0) break;
const stopped = await worker.stop(stubborn.jobId, { gracePeriodMs: 100 });

const zombies: string[] = [];
for await (const { name } of Deno.readDir("/proc")) {
  const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
  if (/^\d+ \(.*\) Z /.test(stat)) zombies.push(name);
}
const outcomes = [ended, stopped].map(({ end }) => end?.exitStatus);
Deno.stdout.writeSync(
  new TextEncoder().encode(JSON.stringify({ pid: Deno.pid, outcomes, zombies: zombies.length })),
);
