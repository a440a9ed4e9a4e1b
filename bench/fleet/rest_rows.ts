import { delay } from "../../lib/async/delay.ts";
import { report } from "../report.ts";
import type { BenchFleet } from "./bench_fleet.ts";

/** After how long without a word a host is offline. */
const OFFLINE_AFTER_MS = 15_000;

/** What it takes that hosts are there and have nothing to do, in so many milliseconds. */
export async function benchRest(fleet: BenchFleet, restMs: number): Promise<void> {
  const { processes, names } = fleet;
  const parts = ["hub", "nats", "simulated"] as const;
  const used = () => Promise.all(parts.map((part) => processes[part].processorMs()));
  // What the start has left behind is done by then.
  await delay(restMs);
  const before = await used();
  await delay(restMs);
  const after = await used();
  const what = { hub: "the hub", nats: "nats-server", simulated: "the hosts themselves" };
  for (const [index, part] of parts.entries()) {
    const time = (after[index] ?? NaN) - (before[index] ?? NaN);
    report(`processor time at rest, ${what[part]}`, time, "ms", {
      value: restMs,
      name: "one processor",
    });
    report("the same for a host in a second", time * 1e6 / restMs / names.length, "us", {
      value: 1e6,
      name: "one processor",
    });
  }
  report("memory, the hub", await processes.hub.memoryMiB(), "MiB", {
    value: await processes.real.memoryMiB(),
    name: "a host that runs jobs",
  });
}

/** How long it takes until hosts that have died are offline, and until they are online again. */
export async function benchDeath(fleet: BenchFleet): Promise<void> {
  const since = (at: number) => (performance.now() - at) / 1000;
  const limit = { value: OFFLINE_AFTER_MS / 1000, name: "three beats" };
  let back: number;
  {
    using _suspended = fleet.suspendSimulated();
    const diedAt = performance.now();
    await fleet.whenSimulatedAre("offline");
    report("from the death of all hosts to `offline`", since(diedAt), "s", limit);
    back = performance.now();
  }
  await fleet.whenSimulatedAre("online");
  report("from their return to `online`", since(back), "s", limit);
}
