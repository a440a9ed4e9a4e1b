import type { ExecutorKeeper } from "../../lib/daemon/executor_keeper.ts";
import type { ExecutorSettings } from "../../lib/executor/protocol.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { type Job, Worker } from "../../lib/worker/mod.ts";
import { BOTH, FROM_START, textOf } from "../worker/fixture.ts";
import { openKeeper } from "./executor_fixture.ts";

/** What {@linkcode openWorker} has opened, and what that has told. */
export interface WorkerApart extends AsyncDisposable {
  readonly worker: Worker;
  readonly executor: ExecutorKeeper;
  readonly faults: readonly string[];
  readonly lost: readonly Job[];
  /** Leaves the jobs to the executor. */
  readonly handOver: () => Promise<void>;
}

/** A worker over an executor in a process of its own, in a data directory that outlives both. */
export async function openWorker(
  directory: string,
  settings: Partial<Omit<ExecutorSettings, "dataDirectory">> = {},
  { maxRunning = Infinity, ...options }: {
    readonly keepsJobs?: boolean;
    readonly maxRunning?: number;
  } = {},
): Promise<WorkerApart> {
  const faults: string[] = [];
  const lost: Job[] = [];
  const onFault = (error: unknown) => void faults.push(String(error));
  const executor = await openKeeper(directory, { onFault, settings, ...options });
  const store = await SqliteStore.open(`${directory}/jobs.db`);
  const worker = await Worker.open({
    dataDirectory: directory,
    store,
    executor,
    maxRunning,
    onFault,
    onLost: (jobs) => lost.push(...jobs),
  });
  return {
    worker,
    executor,
    faults,
    lost,
    handOver: async () => {
      await worker.handOver();
      executor.handOver();
      await worker[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
    [Symbol.asyncDispose]: async () => {
      await worker[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Starts a shell script, and returns the id of the job. */
export async function start(worker: Worker, script: string, execution = {}): Promise<string> {
  const command = { name: "sh", args: ["-c", script] };
  return (await worker.start({ command, owner: "alice", execution })).jobId;
}

/** All that a job prints. */
export async function outputOf(worker: Worker, jobId: string): Promise<string> {
  const batches = await Array.fromAsync(
    worker.readLog(jobId, { start: FROM_START, streams: BOTH, follow: true }),
  );
  return textOf(batches.flatMap(({ records }) => records));
}
