/**
 * Workers and daemons that die, and what they leave behind.
 *
 * @module
 */

import { connect, type JobWorkerClient } from "../../lib/grpc/client.ts";
import { decodeRecord } from "../../lib/worker/log_format.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { type Job, Worker } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { daemonLine, WITHOUT_REST } from "../end_to_end/daemon.ts";
import { type Finished, processesOf, TestProcess } from "../end_to_end/process.ts";
import { TcpProxy } from "../end_to_end/proxy.ts";
import { programLine, ROOT } from "../programs.ts";
import { liveProcesses } from "../worker/fixture.ts";

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

/** From a child that has left the session of the job. */
export const SESSION_LEAVER = `setsid ${SURVIVOR} & wait`;

/**
 * With an environment in which nothing tells whose it is. Without a cgroup it is found by its birth
 * only, which is recorded a moment after its start.
 */
export const ENVIRONMENT_CLEARER = `exec env -i PATH="$PATH" ${SURVIVOR}`;

/** Both at once, so that only a cgroup still holds it. Prints its process id. */
export const ESCAPER = `setsid env -i sh -c 'echo $$; exec sleep 100' & wait`;

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
  /** What it has found lost. */
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

/** The real daemon, with a data directory that outlives it. */
export class MortalDaemon implements AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  readonly #process: TestProcess;
  readonly #certificates: TestCertificates;
  readonly #directory: string;

  private constructor(
    process: TestProcess,
    address: string,
    certificates: TestCertificates,
    directory: string,
  ) {
    this.#process = process;
    this.address = address;
    this.#certificates = certificates;
    this.#directory = directory;
  }

  /** @param directory its data is in `data` there */
  static async start(
    certificates: TestCertificates,
    directory: string,
    args: readonly string[] = [],
  ): Promise<MortalDaemon> {
    const process = new TestProcess(daemonLine(certificates, directory, args), {
      cwd: directory,
      env: WITHOUT_REST,
    });
    try {
      const [, address = ""] = await process.seen(/listening on (\S+)\n/);
      return new MortalDaemon(process, address, certificates, directory);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Lets a connection of the admin's be used, and closes it. */
  async withClient(use: (client: JobWorkerClient) => Promise<void>): Promise<void> {
    const material = await this.#certificates.material("client");
    // grpc-js closes a connection when it gets round to it, but knows at once when it is broken.
    await using proxy = TcpProxy.listen(Number(this.address.split(":").at(-1)));
    await using client = await connect({ address: proxy.address, ...material });
    await use(client);
  }

  /** Starts `worker-cli`. */
  startCli(
    args: readonly string[],
    user: "client" | "operator" | "viewer" = "client",
  ): TestProcess {
    const { cert, key, ca } = this.#certificates.paths(user);
    const settings = [`--address=${this.address}`, `--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
    const directory = this.#directory;
    return new TestProcess([...programLine("worker-cli", directory), ...settings, ...args], {
      cwd: directory,
    });
  }

  /** Runs `worker-cli` to its end. */
  async cli(...[args, user]: Parameters<MortalDaemon["startCli"]>): Promise<Finished> {
    await using process = this.startCli(args, user);
    return await process.finished();
  }

  /** Kills the engine, and returns once its gateway has gone too. */
  async kill(): Promise<Finished> {
    this.#process.kill("SIGKILL");
    return await this.#process.finished();
  }

  /** Ends it as an administrator would; if it has not ended yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#process.finished();
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
  assert.deepEqual(await liveProcesses(jobs.map(({ pid }) => pid)), []);
  assert.deepEqual(await processesOf(jobs.map(({ jobId }) => jobId)), []);
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
