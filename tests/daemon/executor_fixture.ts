import type { ExecutorOptions } from "../../lib/daemon/connect_executor.ts";
import { ExecutorKeeper } from "../../lib/daemon/executor_keeper.ts";
import { TOOLS } from "../process/tools.ts";
import { allProcesses, type ProcessStat } from "../worker/fixture.ts";

/** A keeper of real executors, in processes of their own. */
export async function openKeeper(
  dataDirectory: string,
  { settings, ...options }: Partial<Omit<ExecutorOptions, "settings">> & {
    readonly settings?: Partial<ExecutorOptions["settings"]>;
  } = {},
): Promise<ExecutorKeeper> {
  return await ExecutorKeeper.open({
    dataDirectory,
    setsid: TOOLS.setsid,
    keepsJobs: true,
    settings: { home: "/", cgroups: true, newPrivileges: true, jobUids: null, ...settings },
    onFault: (error) => {
      throw error;
    },
    onShellEnded: () => {},
    ...options,
  });
}

/**
 * The processes of executors in a data directory, from source or an executable: those whose standard error is
 * where executors there say what they die of.
 */
export async function executorsIn(dataDirectory: string): Promise<number[]> {
  const directory = await Deno.realPath(dataDirectory).catch(() => dataDirectory);
  const found = await Promise.all((await allProcesses()).map(async ({ pid }) => {
    const errors = await Deno.readLink(`/proc/${pid}/fd/2`).catch(() => "");
    if (!errors.startsWith(`${directory}/executor.`)) return null;
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    return /\0executor\0$|\/executor_main\.\w+\0$/.test(line) ? pid : null;
  }));
  return found.filter((pid) => pid !== null);
}

/** What the executors in a data directory have started: their shells, and the leaders of jobs. */
export async function childrenOfExecutors(dataDirectory: string): Promise<ProcessStat[]> {
  const executors = await executorsIn(dataDirectory);
  return (await allProcesses()).filter(({ parent }) => executors.includes(parent));
}
