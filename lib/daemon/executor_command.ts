import { fileURLToPath } from "node:url";
import { TOOL_DIRECTORIES } from "../process/tools.ts";
import type { ExecutorOptions } from "./executor_role.ts";
import { roleCommand } from "./role_command.ts";
import { EXECUTOR_ROLE } from "./roles.ts";

/** The program of an executor. The build puts it beside the other programs, under the same name. */
const EXECUTOR_MAIN: URL = new URL("./executor_main.ts", import.meta.url);

/**
 * Program and arguments of an executor, with no permission but to run
 * programs through setsid(1), to write logs and outcomes, and homes of jobs where it makes them, and to listen on
 * its socket.
 *
 * @param setsid absolute path of setsid(1)
 */
export function executorCommand(
  setsid: string,
  { socket, logs, outcomes, settings: { jobUids } }: ExecutorOptions,
): string[] {
  const homes = jobUids === null ? [] : [jobUids.homes];
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
    `--allow-write=${[socket, logs, outcomes, ...homes].join(",")}`,
    fileURLToPath(EXECUTOR_MAIN),
  );
}
