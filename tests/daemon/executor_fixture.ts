import { ExecutorKeeper, type ExecutorKeeperOptions } from "../../lib/daemon/executor_keeper.ts";
import { TOOLS } from "../process/tools.ts";

/** A keeper of real executors, in processes of their own. */
export async function openKeeper(
  dataDirectory: string,
  options: Partial<ExecutorKeeperOptions> = {},
): Promise<ExecutorKeeper> {
  await Deno.mkdir(`${dataDirectory}/logs`, { recursive: true });
  return await ExecutorKeeper.open({
    dataDirectory,
    setsid: TOOLS.setsid,
    keepsJobs: true,
    settings: { home: "/", cgroups: true },
    onFault: (error) => {
      throw error;
    },
    onShellEnded: () => {},
    ...options,
  });
}
