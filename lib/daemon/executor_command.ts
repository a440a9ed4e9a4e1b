import { fileURLToPath } from "node:url";
import { TOOL_DIRECTORIES } from "../process/tools.ts";
import type { ExecutorOptions } from "./executor_role.ts";
import { roleCommand } from "./role_command.ts";
import { EXECUTOR_ROLE } from "./roles.ts";

/** The program of an executor. The build puts it beside the other programs, under the same name. */
const EXECUTOR_MAIN: URL = new URL("./executor_main.ts", import.meta.url);

/** Where cgroups are, see cgroups(7). */
const CGROUPS = "/sys/fs/cgroup";

/**
 * Program and arguments of an executor, with no permission but to run
 * programs through setsid(1), to write logs and outcomes, and homes of jobs where it makes them, to listen on
 * its socket, and to remove cgroups where jobs have some. Deno lets nobody write there without all permissions.
 *
 * @param setsid absolute path of setsid(1)
 */
export function executorCommand(
  setsid: string,
  { socket, logs, outcomes, settings: { cgroups, jobUids } }: ExecutorOptions,
): string[] {
  const homes = jobUids === null ? [] : [jobUids.homes];
  const removed = cgroups ? [CGROUPS] : [];
  if (Deno.build.standalone) return [Deno.execPath(), EXECUTOR_ROLE];
  return roleCommand(
    // It needs no dependency.
    "--no-config",
    "--no-lock",
    "--no-remote",
    "--no-npm",
    `--allow-run=${setsid}`,
    `--allow-net=unix:${socket}`,
    `--allow-read=${[...TOOL_DIRECTORIES, socket, logs, outcomes, ...homes].join(",")}`,
    `--allow-write=${[socket, logs, outcomes, ...homes, ...removed].join(",")}`,
    fileURLToPath(EXECUTOR_MAIN),
  );
}
