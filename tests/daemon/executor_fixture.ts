import { fileURLToPath } from "node:url";
import type { ExecutorPrograms } from "../../lib/daemon/executor_command.ts";
import { ExecutorKeeper, type ExecutorKeeperOptions } from "../../lib/daemon/executor_keeper.ts";
import { TOOLS } from "../process/tools.ts";

/** What executors are started with. */
export const PROGRAMS: ExecutorPrograms = {
  main: fileURLToPath(import.meta.resolve("../../server.ts")),
  setsid: TOOLS.setsid,
};

/** A keeper of real executors, in processes of their own. */
export async function openKeeper(
  dataDirectory: string,
  options: Partial<ExecutorKeeperOptions> = {},
): Promise<ExecutorKeeper> {
  await Deno.mkdir(`${dataDirectory}/logs`, { recursive: true });
  return await ExecutorKeeper.open({
    dataDirectory,
    ...PROGRAMS,
    keepsJobs: true,
    settings: { home: "/", cgroups: true },
    onFault: (error) => {
      throw error;
    },
    onShellEnded: () => {},
    ...options,
  });
}
