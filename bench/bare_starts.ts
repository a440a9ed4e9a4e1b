/**
 * What Deno can start without a worker: `setsid true`, both pipes drained, by a process that does nothing else.
 *
 * As a program: prints the figures as JSON. Arguments: how many, how many at a time.
 *
 * @module
 */

import { quantile, rate, times } from "./measure.ts";
import { print } from "./report.ts";
import { RoleProcesses } from "./role_processes.ts";

/** What is measured of bare starts. */
export interface BareFigures {
  /** A second. */
  readonly rate: number;
  /** What a start takes in the process and in the programs. */
  readonly processorMs: number;
  /** One at a time, from start to end. */
  readonly medianMs: number;
}

/** Measures them in a process of their own, so that they share no memory with a client. */
export async function bareStarts(
  { jobs, atATime }: { readonly jobs: number; readonly atATime: number },
): Promise<BareFigures> {
  const args = ["run", "--allow-all", new URL(import.meta.url).pathname, `${jobs}`, `${atATime}`];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Runs `setsid true` to its end. */
export async function bareStart(): Promise<void> {
  await drained(
    new Deno.Command("setsid", { args: ["true"], stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn(),
  );
}

/** Waits for the end of a process, and of what it prints. */
export async function drained({ status, stdout, stderr }: Deno.ChildProcess): Promise<void> {
  await Promise.all([status, stdout.pipeTo(new WritableStream()), stderr.cancel()]);
}

if (import.meta.main) {
  const [jobs = 0, atATime = 1] = Deno.args.map(Number);
  await rate(50, atATime, bareStart);
  const own = new RoleProcesses(Deno.pid);
  const before = await own.processorMs();
  const perSecond = await rate(jobs, atATime, bareStart);
  const processorMs = (await own.processorMs() - before) / jobs;
  const found = await times(50, bareStart);
  const medianMs = quantile(found, 0.5) / 1000;
  print(JSON.stringify({ rate: perSecond, processorMs, medianMs } satisfies BareFigures));
}
