/**
 * `deno task bench:fleet [--hosts=1000] [--jobs=1000000] [--starts=1000] [--log=64] [--rest=20]`: what a fleet
 * costs, by simulated hosts in one process beside a hub, a nats-server and a host that are real. Each figure is a
 * ratio to a limit that is measured in the same run. All of it shares the processors of one machine, so figures are
 * good for comparison only. Not a test: nothing fails here.
 *
 * The options are the numbers of hosts, of jobs in the index, and of starts, the size of a log in MiB, and the
 * seconds of rest.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { hostCommand } from "../../lib/daemon/host_command.ts";
import { REGISTRY } from "../../lib/daemon/data_directory.ts";
import { SqliteRegistry } from "../../lib/fleet/sqlite_registry.ts";
import { PROGRAM } from "../../tests/fleet/nats_server.ts";
import { TestHub } from "../../tests/fleet/test_hub.ts";
import { print, report } from "../report.ts";
import { BenchFleet, REAL } from "./bench_fleet.ts";
import { benchFanOut, benchStarts } from "./call_rows.ts";
import { addSimulated } from "./fleet_files.ts";
import { benchLists, registryTimes } from "./list_rows.ts";
import { benchLog } from "./log_rows.ts";
import { benchDeath, benchRest } from "./rest_rows.ts";
import { fillRegistry } from "./simulated_jobs.ts";

const { values } = parseArgs({
  options: {
    hosts: { type: "string", default: "1000" },
    jobs: { type: "string", default: "1000000" },
    starts: { type: "string", default: "1000" },
    log: { type: "string", default: "64" },
    rest: { type: "string", default: "20" },
  },
});
const size = Object.fromEntries(
  Object.entries(values).map(([name, text]) => [name, Number(text)]),
) as Record<keyof typeof values, number>;

const wrong = Object.keys(size).find((name) => !(size[name as keyof typeof size] > 0));
if (wrong !== undefined) {
  print(`Cannot measure with --${wrong}=${values[wrong as keyof typeof values]}: it is a number`);
  Deno.exit(2);
}

async function secondsOf(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return (performance.now() - startedAt) / 1000;
}

async function add(hub: TestHub, host: string): Promise<void> {
  const { directory } = hub;
  const out = `--out=${hub.joinPath(host)}`;
  await hostCommand(["add", host, "--slots=1000", `--dir=${directory}`, out]);
}

/** Makes the index of the hub, and measures what the database takes for its pages. */
async function fill(hub: TestHub, names: readonly string[]) {
  await using registry = await SqliteRegistry.open(`${hub.directory}/data/${REGISTRY}`);
  const told = await fillRegistry(registry, names, size.jobs);
  return { told, lists: await registryTimes(registry, names[0] ?? "") };
}

if (PROGRAM === null) {
  print("Cannot measure: there is no nats-server in PATH, and JOB_WORKER_NATS_SERVER names none");
  Deno.exit(2);
}
const names = Array.from({ length: size.hosts }, (_, index) => `sim-${index + 1}`);
print(`A fleet of ${names.length} simulated hosts and a real one; ${size.jobs} jobs in the index.`);
await using hub = await TestHub.makeWith();
const alone = await secondsOf(() => add(hub, REAL));
await addSimulated(hub, names);
const among = await secondsOf(() => add(hub, "spare"));
await hub.remove("spare");
report("`host add`", among * 1000, "ms", { value: alone * 1000, name: "the first one" });
const { told, lists } = await fill(hub, names);
await using nats = await hub.startNats();
await using fleet = await BenchFleet.start({ hub, nats, simulated: names, told });
report(
  "nats-server reads its configuration again",
  await secondsOf(() => nats.reload()) * 1000,
  "ms",
  {
    value: among * 1000,
    name: "`host add`",
  },
);
await benchRest(fleet, size.rest * 1000);
await benchLists(fleet, lists);
await benchStarts(fleet, size.starts);
await benchLog(fleet, size.log);
await benchFanOut(fleet);
await benchDeath(fleet);
