/**
 * The program of an executor: what {@linkcode runExecutor} needs from its process. It is small, and has
 * nothing of `node:`, since there is one for as long as a job runs, and all of it is loaded at the start: a
 * newer version may have taken the place of its files since.
 *
 * @module
 */

import { runExecutor } from "./executor_role.ts";

const ending = new AbortController();
for (const signal of ["SIGTERM", "SIGINT", "SIGUSR2"] as const) {
  Deno.addSignalListener(signal, () => ending.abort(new Error(signal)));
}
const pipes = { input: Deno.stdin.readable, output: Deno.stdout.writable };
Deno.exit(await runExecutor(pipes, ending.signal));
