import type { BenchDaemon, Executables } from "./executables.ts";
import { newJob, runJob } from "./job_rows.ts";
import { quantile } from "./measure.ts";
import { report } from "./report.ts";
import { runProgram } from "./run_program.ts";

const ROUNDS = 15;

/** Programs that users wait for, to a program of Deno that does nothing. */
export async function benchCli(executables: Executables, directory: string): Promise<void> {
  await using daemon = await executables.start();
  await Deno.writeTextFile(`${directory}/empty.js`, "");
  const { jobId } = await daemon.client.startJob(newJob("true"));
  const empty = {
    value: await median([Deno.execPath(), "run", `${directory}/empty.js`]),
    name: "an empty deno run",
  };
  const cli = (args: readonly string[], address = "") =>
    median(executables.cliLine(args, address), executables.environment);
  const version = await cli(["--version"]);
  report("worker-cli --version", version, "ms", empty);
  const bare = await median(executables.bareCallLine(daemon.address, jobId));
  report("a call by grpc-js and nothing else", bare, "ms", empty);
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ["worker-cli status", ["status", jobId]],
    // The first of them leaves a process behind, which ends soon.
    ["worker-cli status, connection kept", ["--keep-connection=5s", "status", jobId]],
    ["worker-cli run -- true", ["run", "--", "true"]],
  ];
  for (const [name, args] of rows) {
    report(name, await cli(args, daemon.address), "ms", empty);
  }
  const firstOfBare = await firstJobMs(() => executables.startBare());
  report("from a bare server's start to its first job", firstOfBare, "ms", empty);
  const firstOfThree = await firstJobMs(() => executables.startBare("apart"));
  report("from the start of three to their first job", firstOfThree, "ms", empty);
  const first = await firstJobMs(() => executables.start());
  report("from the daemon's start to its first job", first, "ms", empty);
}

/** In milliseconds. */
async function median(
  line: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const found: number[] = [];
  // The first fills caches.
  for (let round = 0; round <= ROUNDS; round++) found.push(1000 * await runProgram(line, env));
  return quantile(found.slice(1), 0.5);
}

/** From the start of a server to the end of its first job, in milliseconds. */
async function firstJobMs(start: () => Promise<BenchDaemon>): Promise<number> {
  const found: number[] = [];
  for (let round = 0; round < 5; round++) {
    const startedAt = performance.now();
    await using server = await start();
    await runJob(server.client);
    found.push(performance.now() - startedAt);
  }
  return quantile(found, 0.5);
}
