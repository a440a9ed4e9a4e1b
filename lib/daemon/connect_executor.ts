import { ExecutorClient } from "../executor/client.ts";
import type { ExecutorSettings } from "../executor/protocol.ts";
import type { ShellEnd } from "../process/proc_shell.ts";
import { VERSION_TEXT } from "../version.ts";
import { executorErrors, executorSockets, LOGS, OUTCOMES } from "./data_directory.ts";
import { diagnostics } from "./diagnostics.ts";
import { removeSocket, startExecutor } from "./executor_process.ts";
import { givesSameRights, tooManyExecutors } from "./executor_rights.ts";

/** How the executors of a daemon are found and started. */
export interface ExecutorOptions {
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Absolute path. */
  readonly dataDirectory: string;
  /** Whether jobs go on while no engine is there. */
  readonly keepsJobs: boolean;
  readonly settings: Omit<ExecutorSettings, "dataDirectory">;
  readonly onFault: (error: unknown, jobId: string) => void;
  readonly onShellEnded: (end: ShellEnd) => void;
}

function settingsOf({ dataDirectory, settings }: ExecutorOptions): ExecutorSettings {
  const { home, cgroups, newPrivileges, jobUids } = settings;
  return { dataDirectory, home, cgroups, newPrivileges, jobUids };
}

/** Whether an executor is of this build, and has our settings. */
export function isOurs({ hello }: ExecutorClient, options: ExecutorOptions): boolean {
  return hello.version === VERSION_TEXT &&
    JSON.stringify(hello.settings) === JSON.stringify(settingsOf(options));
}

export async function connect(
  socket: string,
  { dataDirectory, onFault, onShellEnded }: ExecutorOptions,
): Promise<ExecutorClient> {
  const logs = `${dataDirectory}/${LOGS}`;
  return await ExecutorClient.connect({ socket, logs, onFault, onShellEnded });
}

/**
 * Starts an executor and adds it. If there are too many already, the last of those has to do that gives jobs the
 * same rights.
 *
 * @throws `failed_precondition` if there is none
 */
export async function startOrReuse(
  options: ExecutorOptions,
  clients: Map<string, ExecutorClient>,
): Promise<ExecutorClient> {
  const { dataDirectory, setsid, keepsJobs } = options;
  const sockets = executorSockets(dataDirectory);
  const socket = sockets.find((socket) => !clients.has(socket));
  if (socket === undefined) {
    const others = [...clients.values()];
    const last = others.findLast(({ hello }) =>
      givesSameRights(hello.settings, settingsOf(options))
    );
    if (last === undefined) throw tooManyExecutors(others.map(({ hello }) => hello.pid));
    diagnostics.warn("{count} executors have jobs already: new ones go to that of {version}", {
      count: sockets.length,
      version: last.hello.version,
    });
    return last;
  }
  // Whoever has left this behind is gone.
  await removeSocket(socket);
  await startExecutor({
    socket,
    logs: `${dataDirectory}/${LOGS}`,
    outcomes: `${dataDirectory}/${OUTCOMES}`,
    keepsJobs,
    settings: settingsOf(options),
  }, { setsid, errors: executorErrors(socket) });
  const client = await connect(socket, options);
  clients.set(socket, client);
  return client;
}
