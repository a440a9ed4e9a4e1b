import type { Worker } from "../lib/worker/mod.ts";
import { mediansInTurn, rate, throughput } from "./measure.ts";
import { reportAll, type Rows } from "./report.ts";

/** How often each is measured, in turn with the other. */
const ROUNDS = 7;

/** So little that the kernel need not hold up whoever writes until some of it is on the disk. */
const LOG_BYTES = 32_000_000;

type Run = (worker: Worker) => Promise<number>;

const ROWS = {
  together: ["jobs, 16 at a time", "/s"],
  oneByOne: ["jobs, one at a time", "/s"],
  written: ["log written", "MB/s"],
} as const satisfies Rows<Record<string, Run>>;

const RUNS: Readonly<Record<keyof typeof ROWS, Run>> = {
  together: (worker) => rate(300, 16, () => runTo(worker, "true")),
  oneByOne: (worker) => rate(60, 1, () => runTo(worker, "true")),
  written: (worker) =>
    throughput(LOG_BYTES, () => runTo(worker, "head", "-c", `${LOG_BYTES}`, "/dev/zero")),
};

/** Jobs that another process runs, to those of this one: the medians of some rounds of each. */
export async function benchApartRates(here: Worker, apart: Worker): Promise<void> {
  const found = { here: { ...NONE }, apart: { ...NONE } };
  for (const name of Object.keys(ROWS) as (keyof typeof ROWS)[]) {
    const medians = await mediansInTurn(ROUNDS, {
      here: () => RUNS[name](here),
      apart: () => RUNS[name](apart),
    });
    found.here[name] = medians.here;
    found.apart[name] = medians.apart;
  }
  reportAll(ROWS, "apart", found.apart, found.here, "here");
}

const NONE: Readonly<Record<keyof typeof ROWS, number>> = { together: 0, oneByOne: 0, written: 0 };

async function runTo(worker: Worker, name: string, ...args: string[]): Promise<void> {
  const { jobId } = await worker.start({ command: { name, args }, owner: "bench" });
  await worker.wait(jobId);
}
