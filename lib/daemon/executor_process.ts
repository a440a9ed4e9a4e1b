import { JobWorkerError, messageOf } from "../errors.ts";
import { findTool } from "../process/tools.ts";
import { executorCommand } from "./executor_command.ts";
import type { ExecutorOptions } from "./executor_role.ts";

/**
 * Runs a program with its standard error in a file, and without the sockets that we may have from systemd. It
 * outlives us: whatever our own standard error is may be a pipe that nobody reads one day.
 */
const TO_FILE = 'exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- 2>"$0"; exec "$@"';

/**
 * Starts an executor in a session of its own, which outlives this process.
 *
 * @param options.setsid absolute path of setsid(1)
 * @param options.errors the file for what it says when it dies
 * @returns once it listens, which is when it first writes something
 * @throws `unavailable` with what it says, if it does not
 */
export async function startExecutor(
  executor: ExecutorOptions,
  { setsid, errors }: { readonly setsid: string; readonly errors: string },
): Promise<void> {
  // There need be none in our PATH.
  const sh = await findTool("sh");
  const child = new Deno.Command(setsid, {
    // It forks, so that the executor is no child of ours: whoever reaps orphans reaps it.
    args: ["--fork", sh, "-c", TO_FILE, errors, ...executorCommand(setsid, executor)],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const told = new Blob([JSON.stringify(executor)]).stream().pipeTo(child.stdin);
  const output = child.stdout.getReader();
  const { done } = await output.read();
  await output.cancel();
  await told.catch(() => {});
  await child.status;
  if (!done) return;
  throw new JobWorkerError(
    "unavailable",
    `Cannot start the process that runs the jobs: ${await lastWords(errors)}`,
  );
}

/** The end of what an executor has said on standard error. */
export async function lastWords(errors: string): Promise<string> {
  const text = await Deno.readTextFile(errors).catch(messageOf);
  return text.trim().slice(-2_000) || "it said nothing";
}
