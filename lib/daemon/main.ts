import { JobWorkerError, messageOf } from "../errors.ts";
import { isLasting } from "../files/lasting.ts";
import { collectLine } from "../tracing/collected_log.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { EXIT_STATUS } from "../config/exit_status.ts";
import { isJournal, journalLines } from "./journal.ts";
import { AGENT_ROLE, EXECUTOR_ROLE, EXPORTER_ROLE, GATEWAY_ROLE, NOTIFIER_ROLE } from "./roles.ts";

/**
 * Runs the daemon, from its arguments to its exit status. Each role loads only the code that it needs: the engine
 * has none for the network, and the gateway none for running programs.
 *
 * @returns one of {@linkcode EXIT_STATUS}
 */
export async function main(process: DaemonProcess): Promise<number> {
  const { args: [word, ...others], environment, print } = process;
  try {
    switch (word) {
      case GATEWAY_ROLE: {
        const { runGateway } = await import("./gateway.ts");
        return await runGateway(process.pipes);
      }
      case AGENT_ROLE: {
        const { runAgent } = await import("./agent_role.ts");
        return await runAgent(process.pipes);
      }
      case NOTIFIER_ROLE: {
        const { runNotifier } = await import("./notifier_role.ts");
        return await runNotifier(process.pipes);
      }
      case EXECUTOR_ROLE: {
        const { runExecutor } = await import("./executor_role.ts");
        return await runExecutor(process.pipes, process.signal);
      }
      case EXPORTER_ROLE: {
        const { runExporter } = await import("./exporter_role.ts");
        return await runExporter(process.pipes);
      }
      case "permissions": {
        const { permissionsFor } = await import("./permissions.ts");
        print(await permissionsFor(others, environment));
        return 0;
      }
      case "init": {
        const { init } = await import("./init.ts");
        print(await init(others, environment));
        return 0;
      }
      case "host": {
        const { hostCommand } = await import("./host_command.ts");
        print(await hostCommand(others));
        return 0;
      }
      case "join": {
        const { joinFleet } = await import("./join_command.ts");
        print(await joinFleet(others, environment));
        return 0;
      }
      case "user": {
        const { editUsers } = await import("./user_command.ts");
        await editUsers(others, process);
        return 0;
      }
      default: {
        const { runDaemon } = await import("./run_daemon.ts");
        return await runDaemon(process);
      }
    }
  } catch (error) {
    // It was asked to end while it was starting.
    if (process.signal.aborted && error === process.signal.reason) return 0;
    const text = `worker-daemon: ${messageOf(error)}\n`;
    const isForJournal = await isJournal(environment);
    process.printError(isForJournal ? journalLines("error", text) : text);
    collectLine?.("error", text.trimEnd());
    return exitStatusOf(error);
  }
}

function exitStatusOf(error: unknown): number {
  if (error instanceof JobWorkerError && error.code === "invalid_argument") {
    return EXIT_STATUS.usage;
  }
  return isLasting(error) ? EXIT_STATUS.configuration : EXIT_STATUS.failure;
}
