import type { Worker } from "../lib/worker/mod.ts";
import { ROOT } from "../tests/programs.ts";
import { BareDisk } from "./bare_disk.ts";
import { BareFiles } from "./bare_files.ts";
import { bareHere, runBare } from "./bare_here.ts";
import { BareHop } from "./bare_hop.ts";
import { BareJobs } from "./bare_jobs.ts";
import type { BareCommand } from "./bare_run.ts";
import { rate } from "./measure.ts";
import { reportAll, type Rows } from "./report.ts";
import { RoleProcesses } from "./role_processes.ts";

const JOBS = 600;
const AT_A_TIME = 16;

/** The processor time of a job, in milliseconds. */
interface ApartFigures {
  /** By this process. */
  readonly here: number;
  /** By another process, which this one tells what to run and hears the end from. */
  readonly apart: number;
  readonly added: number;
}

const ROWS: Rows<ApartFigures> = {
  here: ["processor time a job, here", "ms"],
  apart: ["processor time a job, apart", "ms"],
  added: ["added by the other process", "ms"],
};

type Run = () => Promise<unknown>;

/**
 * What it adds to jobs that another process runs them: to those of a worker, and of a bare program that records them.
 *
 * @param directory where the executor of the second worker is
 */
export async function benchApart(here: Worker, apart: Worker, directory: string): Promise<void> {
  const runsOf = (worker: Worker) => async () => {
    const { jobId } = await worker.start({ command: { name: "true" }, owner: "bench" });
    await worker.wait(jobId);
  };
  const ofWorker = await measure(runsOf(here), runsOf(apart), directory);
  reportAll(ROWS, "a worker", ofWorker, await measureBare(`${directory}/bare`), "a bare program");
}

async function measureBare(directory: string): Promise<ApartFigures> {
  await Deno.mkdir(directory);
  const runsOf = (jobs: BareJobs) => () => runBare(jobs);
  const args = [
    "run",
    "--allow-all",
    `${ROOT}bench/bare_server.ts`,
    "executor",
    "",
    "",
    "",
    directory,
  ];
  const executor = new Deno.Command(Deno.execPath(), { args, stdin: "piped" }).spawn();
  try {
    using hop = await BareHop.connect(`${directory}/executor.sock`);
    const here = `${directory}/here`;
    await Deno.mkdir(here);
    const run = (jobId: string, command: BareCommand) => hop.run(jobId, command);
    const apart = new BareJobs(run, new BareFiles(directory), new BareDisk(directory));
    return await measure(runsOf(bareHere(here, null)), runsOf(apart), directory);
  } finally {
    await executor.stdin.close();
    await executor.status;
  }
}

async function measure(here: Run, apart: Run, directory: string): Promise<ApartFigures> {
  const processes = new RoleProcesses(Deno.pid, directory);
  const processorMs = async (run: Run) => {
    await rate(100, AT_A_TIME, run);
    const before = await processes.processorMs();
    await rate(JOBS, AT_A_TIME, run);
    return (await processes.processorMs() - before) / JOBS;
  };
  const found = { here: await processorMs(here), apart: await processorMs(apart) };
  return { ...found, added: found.apart - found.here };
}
