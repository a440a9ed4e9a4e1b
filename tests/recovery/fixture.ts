/**
 * Workers that die, and what they leave behind.
 *
 * @module
 */

import { decodeRecord } from "../../lib/log/log_format.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { type Job, Worker } from "../../lib/worker/mod.ts";
import { ProcessGroups } from "../../lib/process/process_groups.ts";
import { assert } from "../assert.ts";
import { processesOf, TestProcess } from "../end_to_end/process.ts";
import { ROOT } from "../programs.ts";
import { liveProcesses, processStat, until } from "../worker/fixture.ts";

/** A start that was acknowledged. */
export interface Started {
  readonly jobId: string;
  readonly pid: number;
  readonly requestId: string;
}

/** Prints numbered lines, a few at once and again and again. */
export const PRINTER =
  "i=0; while :; do for _ in 1 2 3 4 5; do i=$((i + 1)); echo line $i; done; sleep 0.05; done";

/** The same, and not ended by having nobody who reads it. */
const SURVIVOR = `sh -c 'trap "" PIPE; ${PRINTER}' 2>/dev/null`;

/** The same, from a child that has left the session of the job. */
export const SESSION_LEAVER = `setsid ${SURVIVOR} & wait`;

/**
 * A process whose environment does not tell whose it is. Without a cgroup it is found only by its identity,
 * which is recorded a moment after its start.
 */
export const ENVIRONMENT_CLEARER = `exec env -i PATH="$PATH" ${SURVIVOR}`;

/** Both at once, so that only a cgroup still holds it. Prints its process id. */
export const ESCAPER = `setsid env -i sh -c 'echo $$; exec sleep 1000' & wait`;

/** Runs a worker with so many jobs, and kills it when the condition is met. */
export async function killWorker(
  directory: string,
  options: { cgroups: boolean; count: number; scripts: readonly string[] },
  condition: (worker: TestProcess) => Promise<unknown>,
): Promise<Started[]> {
  const { cgroups, count, scripts } = options;
  await using worker = new TestProcess([
    Deno.execPath(),
    "run",
    "-A",
    `--config=${ROOT}deno.json`,
    `${ROOT}tests/recovery/doomed_worker.ts`,
    ...[directory, `${cgroups}`, `${count}`, ...scripts],
  ]);
  await condition(worker);
  worker.kill("SIGKILL");
  const { stdout, stderr } = await worker.finished();
  assert.equal(stderr, "");
  // A line that the kill has cut was not told.
  const lines = stdout.split("\n").slice(0, -1).filter((line) => line !== "all");
  return lines.map((line) => JSON.parse(line));
}

/** A worker over what another one has left, which it has settled. */
export class NextWorker implements AsyncDisposable {
  readonly worker: Worker;
  /** The jobs that it has found lost. */
  readonly lost: readonly Job[];
  readonly #store: SqliteStore;

  private constructor(worker: Worker, store: SqliteStore, lost: readonly Job[]) {
    this.worker = worker;
    this.#store = store;
    this.lost = lost;
  }

  static async open(directory: string, options: { cgroups?: boolean } = {}): Promise<NextWorker> {
    const store = await SqliteStore.open(`${directory}/jobs.db`);
    const lost: Job[] = [];
    const worker = await Worker.open({
      ...options,
      dataDirectory: directory,
      store,
      onLost: (jobs) => lost.push(...jobs),
    });
    return new NextWorker(worker, store, lost);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }
}

/** Whole pages of a list, all of it. */
export async function listAll(worker: Worker): Promise<Job[]> {
  return await worker.list({}, { limit: 100_000 });
}

/** Fails if anything of these jobs still runs. */
export async function assertNothingRuns(
  jobs: readonly Pick<Job, "jobId" | "pid">[],
): Promise<void> {
  // 0 means that the job did not get so far.
  const pids = jobs.map(({ pid }) => pid).filter((pid) => pid !== 0);
  assert.deepEqual(await liveProcesses(pids), []);
  assert.deepEqual(await processesOf(jobs.map(({ jobId }) => jobId)), []);
}

/** Fails if there is a log of which no record tells. */
export async function assertNoStrayLogs(
  logs: string,
  jobs: readonly Pick<Job, "jobId">[],
): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(logs), ({ name }) => name);
  assert.deepEqual(names.filter((name) => !jobs.some(({ jobId }) => jobId === name)), []);
}

/**
 * The output of both streams as the files of a log hold it: the data of every whole record. A job that
 * has printed nothing has none.
 */
export async function outputOnDisk(directory: string): Promise<string> {
  const names: string[] = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)
    .catch((error) => {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    });
  names.sort();
  let text = "";
  for (const name of names) {
    const bytes = await Deno.readFile(`${directory}/${name}`);
    for (let at = 0; at < bytes.byteLength;) {
      const decoded = decodeRecord(bytes, at);
      if (typeof decoded === "string") break;
      text += new TextDecoder().decode(decoded.record.data);
      at += decoded.size;
    }
  }
  return text;
}

/** Fails unless a text is what {@linkcode PRINTER} prints, up to some byte. */
export function assertPrinted(text: string): void {
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  for (const [index, line] of lines.entries()) assert.equal(line, `line ${index + 1}`);
  assert.ok(`line ${lines.length + 1}`.startsWith(last), last);
}

/** A process that is none of ours, and its identity. */
export async function stranger(): Promise<
  AsyncDisposable & { readonly pid: number; readonly processIdentity: string }
> {
  const child = new Deno.Command("setsid", { args: ["sleep", "infinity"], stdin: "null" }).spawn();
  const { pid } = child;
  const groups = new ProcessGroups({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
  const processIdentity = await until(async () =>
    (await processStat(pid))?.session === pid && await groups.identityOf(pid)
  );
  await groups[Symbol.asyncDispose]();
  return {
    pid,
    processIdentity,
    async [Symbol.asyncDispose]() {
      if ((await processStat(pid))?.state === "S") child.kill("SIGKILL");
      await child.status;
    },
  };
}
