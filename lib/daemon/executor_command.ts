import { BUILD } from "../build.ts";
import { TOOL_DIRECTORIES } from "../process/tools.ts";
import type { ExecutorOptions } from "./executor_role.ts";
import { EXECUTOR_ROLE } from "./roles.ts";

/** What an executor is started with. */
export interface ExecutorPrograms {
  /** The daemon's program, as a path or URL. */
  readonly main: string;
  /** Absolute path of setsid(1). */
  readonly setsid: string;
}

/**
 * Program and arguments of an executor: this executable in its other role, with no permission but to run
 * programs through setsid(1), to write logs and outcomes, and to listen on its socket.
 *
 * @param programs `main` is the daemon's program, and `setsid` the absolute path of setsid(1)
 */
export function executorCommand(
  { main, setsid }: ExecutorPrograms,
  { socket, logs, outcomes }: ExecutorOptions,
): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), EXECUTOR_ROLE];
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--cached-only",
    "--ignore-env",
    // A bundle needs none, and one that lies above it by chance is not ours.
    ...BUILD === "source" ? [] : ["--no-config"],
    `--allow-run=${setsid}`,
    `--allow-net=unix:${socket}`,
    `--allow-read=${[...TOOL_DIRECTORIES, socket, logs, outcomes].join(",")}`,
    `--allow-write=${[socket, logs, outcomes].join(",")}`,
    main,
    EXECUTOR_ROLE,
  ];
}
