import startExecutorSh from "./start_executor.sh" with { type: "text" };
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { Cgroups } from "../process/cgroups.ts";
import { ProcessGroups } from "../process/process_groups.ts";
import { FIND_TOOLS, findTool } from "../process/tools.ts";
import { NO_NEW_PRIVILEGES } from "../process/users.ts";
import { CLOSE_DESCRIPTORS } from "./close_descriptors.ts";
import { executorCommand } from "./executor_command.ts";
import type { ExecutorOptions } from "./executor_role.ts";
import { withSmallMemory } from "./small_memory.ts";

const START_EXECUTOR = FIND_TOOLS + startExecutorSh + CLOSE_DESCRIPTORS;

/** How long to wait for the end of an executor that has no job. */
const END_WITHIN_MS = 5_000;

/** How often to look whether it has ended: from, to. */
const LOOK_AGAIN_MS = { first: 2, last: 100 };

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
  // Jobs have the rights of an executor that is not root, and inherit this, which costs each of them nothing.
  const isRoot = Deno.uid() === 0;
  const limit = executor.settings.newPrivileges || isRoot
    ? []
    : [await findTool("setpriv"), NO_NEW_PRIVILEGES, "--"];
  const line = [...limit, ...await withSmallMemory(), ...executorCommand(setsid, executor)];
  const child = new Deno.Command(setsid, {
    // It forks, so that the executor is no child of ours: whoever reaps orphans reaps it.
    args: ["--fork", sh, "-c", START_EXECUTOR, "sh", errors, ...line],
    // It keeps no file system busy that nobody has told it to use.
    cwd: "/",
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

/**
 * Waits until a process that is about to end, and leads a session of its own, has done so, but not for ever.
 *
 * @param setsid absolute path of setsid(1): a shell is asked, because Deno lets a process with scoped
 *   permissions read nothing of /proc
 */
export async function processEnded(pid: number, setsid: string): Promise<void> {
  await using groups = new ProcessGroups({ setsid, sh: await findTool("sh") });
  const nextWait = doubling(LOOK_AGAIN_MS);
  const deadline = performance.now() + END_WITHIN_MS;
  while ((await groups.liveGroups(pid)).length > 0 && performance.now() < deadline) {
    await delay(nextWait());
  }
}

/**
 * Ends a process by SIGKILL, which works on a suspended one, too.
 *
 * @param setsid absolute path of setsid(1): a shell does it, because Deno lets a process with scoped permissions
 *   signal nobody
 */
export async function killProcess(pid: number, setsid: string): Promise<void> {
  await using groups = new ProcessGroups({ setsid, sh: await findTool("sh") });
  await groups.kill(pid);
}

/**
 * Removes the cgroups that executors which were killed had made for jobs to come: no other may be started that would.
 *
 * @param setsid absolute path of setsid(1)
 * @throws `unavailable` if something in one of them does not end
 */
export async function removeLeftCgroups(setsid: string): Promise<void> {
  await using groups = new ProcessGroups({ setsid, sh: await findTool("sh") });
  await Cgroups.removeLeft(groups.shell);
}

/**
 * Removes the socket of an executor that is gone.
 *
 * @throws `failed_precondition` if something else is in its place
 */
export async function removeSocket(socket: string): Promise<void> {
  try {
    await Deno.remove(socket);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot make an executor's socket "${socket}": what is in its place cannot be removed: ` +
        messageOf(error),
      { cause: error },
    );
  }
}
