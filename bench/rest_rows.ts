import { delay } from "../lib/async/delay.ts";
import type { BenchDaemon, Executables } from "./executables.ts";
import { FOLLOWERS, withFollowers } from "./crowd_rows.ts";
import { runJob } from "./job_rows.ts";
import { rate } from "./measure.ts";
import { report, reportAll, type Rows } from "./report.ts";
import { RoleProcesses } from "./role_processes.ts";

const JOBS = 20_000;
const IDLE_MS = 20_000;
const SETTLED_AFTER_MS = 45_000;

/** What is measured of a server that has nothing to do. */
interface RestFigures {
  /** The processor time of 20 s in which nobody is connected, in milliseconds. */
  readonly idleMs: number;
  /** In mebibytes (Pss). */
  readonly memory: number;
  /** More of it than at rest. */
  readonly afterJobs: number;
}

const ROWS: Rows<RestFigures> = {
  idleMs: ["processor time in 20 s, idle", "ms"],
  memory: ["memory at rest", "MiB"],
  afterJobs: [`more after ${JOBS} jobs`, "MiB"],
};

/** What a daemon takes that has nothing to do, to as many bare processes, and these to an empty one. */
export async function benchRest(executables: Executables): Promise<void> {
  const [emptyMs = NaN, idleOfBare = NaN, idleMs = NaN] = await idleTimes([
    await executables.startBare("apart"),
    await executables.start(),
  ]);
  const memory = await emptyMiB();
  const empty = { idleMs: emptyMs, memory, afterJobs: memory };
  const apart = { idleMs: idleOfBare, ...await measureBare(executables) };
  reportAll(ROWS, "three bare processes", apart, empty, "an empty deno process");
  await using daemon = await executables.start();
  const before = await restMiB(daemon);
  await benchFollowers(daemon);
  const found = { idleMs, memory: before, afterJobs: await afterJobs(daemon) - before };
  reportAll(ROWS, "the daemon", found, apart, "three bare processes");
}

async function measureBare(
  executables: Executables,
): Promise<Pick<RestFigures, "memory" | "afterJobs">> {
  await using server = await executables.startBare("apart");
  const memory = await restMiB(server);
  return { memory, afterJobs: await afterJobs(server) - memory };
}

async function restMiB({ processes }: BenchDaemon): Promise<number> {
  await delay(5_000);
  return await processes.memoryMiB();
}

async function afterJobs({ client, processes }: BenchDaemon): Promise<number> {
  await rate(JOBS, 16, () => runJob(client));
  await delay(15_000);
  return await processes.memoryMiB();
}

/** The processor times of an empty process, and of servers that nobody is connected to any more. Ends them. */
async function idleTimes(servers: readonly BenchDaemon[]): Promise<number[]> {
  await using all = new AsyncDisposableStack();
  for (const server of servers) all.use(server);
  const empty = all.use(await EmptyProcess.start());
  await Promise.all(servers.map(({ client }) => client[Symbol.asyncDispose]()));
  // V8 collects the garbage of the start some time after it.
  await delay(SETTLED_AFTER_MS);
  const measured = [empty, ...servers];
  const used = () => Promise.all(measured.map(({ processes }) => processes.exactMs()));
  const before = await used();
  await delay(IDLE_MS);
  return (await used()).map((after, index) => after - (before[index] ?? NaN));
}

async function benchFollowers(daemon: BenchDaemon): Promise<void> {
  const before = await daemon.processes.memoryMiB();
  const during = await withFollowers(daemon, () => daemon.processes.memoryMiB());
  report(`more with ${FOLLOWERS} followers`, during - before, "MiB", {
    value: before,
    name: "without",
  });
}

/** A process of Deno that has nothing to do. */
class EmptyProcess implements AsyncDisposable {
  readonly processes: RoleProcesses;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.processes = new RoleProcesses(child.pid);
  }

  /** Starts one, once it has nothing to do. */
  static async start(): Promise<EmptyProcess> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "console.log(1); setTimeout(() => {}, 600_000)"],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    return new EmptyProcess(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
}

async function emptyMiB(): Promise<number> {
  await using empty = await EmptyProcess.start();
  return await empty.processes.memoryMiB();
}
