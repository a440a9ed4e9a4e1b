/**
 * Takes from a running process what it needs, and gives it back.
 *
 * @module
 */

import { until } from "./worker/fixture.ts";

/** Gives back, when it is disposed of, what was taken. */
export type Shortage = AsyncDisposable;

/** A process that can open nothing, while what is open stays open. */
export async function withoutDescriptors(pid: number): Promise<Shortage> {
  return await withLimit(pid, "nofile", 3);
}

/** A process that gets no more memory from the kernel, by whatever way. */
export async function withoutMemory(pid: number): Promise<Shortage> {
  return await withLimit(pid, "as", 1024 * 1024);
}

/** Processes that can start neither a process nor a thread. */
export async function withoutProcesses(pids: readonly number[]): Promise<Shortage> {
  const cgroup = `${PIDS}/job-worker-test-${crypto.randomUUID()}`;
  await Deno.mkdir(cgroup);
  for (const pid of pids) await Deno.writeTextFile(`${cgroup}/cgroup.procs`, `${pid}`);
  await Deno.writeTextFile(`${cgroup}/pids.max`, "1");
  return {
    async [Symbol.asyncDispose]() {
      await Deno.writeTextFile(`${cgroup}/pids.max`, "max");
      // Only an empty one can be removed. What is started meanwhile is in it, too.
      await until(async () => {
        const processes = await Deno.readTextFile(`${cgroup}/cgroup.procs`);
        for (const pid of processes.split("\n").slice(0, -1)) {
          await Deno.writeTextFile(`${PIDS}/cgroup.procs`, pid).catch(() => {});
        }
        return await Deno.remove(cgroup).then(() => true, () => false);
      });
    },
  };
}

/** Where cgroups of the controller `pids` are made. */
const PIDS = "/sys/fs/cgroup/pids";

/** Why a test cannot take processes away here; `""` if it can. */
export const NO_PIDS_CGROUP: string = await whyNot();

async function whyNot(): Promise<string> {
  try {
    const cgroup = `${PIDS}/job-worker-test-${crypto.randomUUID()}`;
    await Deno.mkdir(cgroup);
    await Deno.stat(`${cgroup}/pids.max`).finally(() => Deno.remove(cgroup));
    return "";
  } catch (error) {
    return ` (skipped, no cgroup of pids can be made: ${error})`;
  }
}

/** Lowers a soft limit of a process, by its name in prlimit(1). */
async function withLimit(pid: number, name: string, limit: number): Promise<Shortage> {
  const before = await prlimit(
    `--pid=${pid}`,
    `--${name}`,
    "--output=SOFT",
    "--noheadings",
    "--raw",
  );
  await prlimit(`--pid=${pid}`, `--${name}=${limit}:`);
  return {
    async [Symbol.asyncDispose]() {
      // It may have been replaced by another.
      await prlimit(`--pid=${pid}`, `--${name}=${before}:`).catch((error) => {
        if (!/No such process/.test(String(error))) throw error;
      });
    },
  };
}

async function prlimit(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("prlimit", { args: [...args] })
    .output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(decode(stderr));
  return decode(stdout);
}
