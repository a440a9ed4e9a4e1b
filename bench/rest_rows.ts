import { delay } from "../lib/async/delay.ts";
import type { BenchDaemon, Executables } from "./executables.ts";
import { FOLLOWERS, withFollowers } from "./crowd_rows.ts";
import { runJob } from "./job_rows.ts";
import { rate } from "./measure.ts";
import { report } from "./report.ts";
import { pssMiB } from "./role_processes.ts";

const JOBS = 20_000;
const IDLE_MS = 20_000;
const SETTLED_AFTER_MS = 45_000;

/** What a daemon takes that has nothing to do, to a Deno process that has nothing to do. */
export async function benchRest(executables: Executables): Promise<void> {
  await benchIdle(executables);
  await using daemon = await executables.start();
  const empty = { value: await emptyMiB(), name: "an empty deno process" };
  await delay(5_000);
  const before = await daemon.processes.memoryMiB();
  report("memory at rest", before, "MiB", empty);
  await benchFollowers(daemon);
  await rate(JOBS, 16, () => runJob(daemon.client));
  await delay(15_000);
  const after = await daemon.processes.memoryMiB();
  report(`more after ${JOBS} jobs`, after - before, "MiB", empty);
}

/** The processor time of a daemon that nobody is connected to, and that of a bare server. */
async function benchIdle(executables: Executables): Promise<void> {
  await using daemon = await executables.start();
  await using server = await executables.startBare();
  const all = [server, daemon];
  await Promise.all(all.map(({ client }) => client[Symbol.asyncDispose]()));
  // V8 collects the garbage of the start some time after it.
  await delay(SETTLED_AFTER_MS);
  const used = () => Promise.all(all.map(({ processes }) => processes.processorMs()));
  const before = await used();
  await delay(IDLE_MS);
  const after = await used();
  for (const [index, who] of ["a bare server", "the daemon"].entries()) {
    const time = (after[index] ?? NaN) - (before[index] ?? NaN);
    const processor = { value: IDLE_MS, name: "one processor" };
    report(`processor time in 20 s, idle, ${who}`, time, "ms", processor);
  }
}

async function benchFollowers(daemon: BenchDaemon): Promise<void> {
  const before = await daemon.processes.memoryMiB();
  const during = await withFollowers(daemon, () => daemon.processes.memoryMiB());
  report(`more with ${FOLLOWERS} followers`, during - before, "MiB", {
    value: before,
    name: "without",
  });
}

async function emptyMiB(): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "console.log(1); setTimeout(() => {}, 60_000)"],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const memory = await pssMiB(child.pid);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  return memory;
}
