import { type NewJob } from "../../lib/grpc/client.ts";
import { quantile, rate, times } from "../measure.ts";
import { report } from "../report.ts";
import { type BenchFleet, REAL } from "./bench_fleet.ts";
import { SIMULATED } from "./fleet_files.ts";

/** How many starts are on their way at once. */
const AT_A_TIME = 16;

/** How often all hosts are asked at once. */
const FAN_OUTS = 5;

const TRUE = { name: "true", args: [], env: {}, workingDirectory: "" };
const TRUE_JOB: NewJob = { command: TRUE };

/** Starts through the hub, to a host's own rate, and to what the bus carries. */
export async function benchStarts(fleet: BenchFleet, starts: number): Promise<void> {
  const { client, direct, bare, names: [host = ""] } = fleet;
  const ask = () => bare.call(host, 1_000);
  const atReal = () => client.startJob({ ...TRUE_JOB, on: { host: REAL, labels: {} } });
  const anywhere = () => client.startJob({ ...TRUE_JOB, on: { host: "", labels: SIMULATED } });
  // Each has done it before.
  for (const run of [ask, () => direct.startJob(TRUE_JOB), atReal, anywhere]) {
    await rate(AT_A_TIME, AT_A_TIME, run);
  }
  const own = await rate(starts, AT_A_TIME, () => direct.startJob(TRUE_JOB));
  const hub = await rate(starts, AT_A_TIME, atReal);
  report("starts, 16 at a time, at one host", hub, "/s", { value: own, name: "that host itself" });
  const bus = await rate(starts, AT_A_TIME, ask);
  report(
    "starts, 16 at a time, at simulated hosts",
    await rate(starts, AT_A_TIME, anywhere),
    "/s",
    {
      value: bus,
      name: "calls over NATS alone",
    },
  );
}

/** One question, and one command, to all hosts at once, to a question without seal and signature. */
export async function benchFanOut(fleet: BenchFleet): Promise<void> {
  const { client, bare, names } = fleet;
  const all = await times(
    FAN_OUTS,
    () => client.pruneJobs({ dryRun: true, owner: "", maxCount: 1_000 }),
  );
  const alone = await times(
    FAN_OUTS,
    () => Promise.all(names.map((name) => bare.call(name, 1_000))),
  );
  const runs = await times(FAN_OUTS, async () => {
    const targets = names.map((host) => ({
      ...{ host, requestId: crypto.randomUUID(), jobId: "", offset: 0 },
    }));
    let ended = 0;
    for await (const { events } of client.runJobs({ command: TRUE, labels: {}, targets })) {
      ended += events.filter(({ log }) => log?.finishedJob).length;
    }
    if (ended !== names.length) {
      throw new Error(`Cannot measure: ${ended} of ${names.length} ended`);
    }
  });
  const cli = await times(FAN_OUTS, async () => {
    const lines = await fleet.cliLines("run", "--on=kind=simulated", "--all", "--", "true");
    if (lines !== names.length) throw new Error(`Cannot measure: ${lines} lines`);
  });
  const value = quantile(alone, 0.5) / 1000;
  const bus = { value, name: "calls over NATS alone" };
  const count = `each of ${names.length} hosts, median`;
  report(`one call to ${count}`, quantile(all, 0.5) / 1000, "ms", bus);
  report(`one job at ${count}`, quantile(runs, 0.5) / 1000, "ms", bus);
  report("the same by `worker-cli run --all`", quantile(cli, 0.5) / 1000, "ms", bus);
}
