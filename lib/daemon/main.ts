import { JobWorkerError, messageOf } from "../errors.ts";
import { isLasting } from "../files/lasting.ts";
import { VERSION_TEXT } from "../version.ts";
import { loadOptions } from "../config/config_file.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { EXECUTOR_ROLE } from "./executor_command.ts";
import { GATEWAY_ROLE } from "./gateway_command.ts";
import { EXIT_STATUS } from "../config/exit_status.ts";
import { helpText } from "../config/help_text.ts";
import { isJournal, journalLines } from "./journal.ts";

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
      case EXECUTOR_ROLE: {
        const { runExecutor } = await import("./executor_role.ts");
        return await runExecutor(process.pipes, process.signal);
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
      case "user": {
        const { editUsers } = await import("./user_command.ts");
        await editUsers(others, process);
        return 0;
      }
      default:
        return await runDaemon(process);
    }
  } catch (error) {
    // It was asked to end while it was starting.
    if (process.signal.aborted && error === process.signal.reason) return 0;
    const text = `worker-daemon: ${messageOf(error)}\n`;
    process.printError(isJournal(environment) ? journalLines("error", text) : text);
    return exitStatusOf(error);
  }
}

function exitStatusOf(error: unknown): number {
  if (error instanceof JobWorkerError && error.code === "invalid_argument") {
    return EXIT_STATUS.usage;
  }
  return isLasting(error) ? EXIT_STATUS.configuration : EXIT_STATUS.failure;
}

async function runDaemon(process: DaemonProcess): Promise<number> {
  const { args, environment, print } = process;
  const invocation = await loadOptions(args, environment);
  switch (invocation.kind) {
    case "help":
      print(helpText());
      return 0;
    case "version":
      print(`worker-daemon ${VERSION_TEXT}\n`);
      return 0;
    case "check": {
      const { checkConfiguration } = await import("./check_config.ts");
      await checkConfiguration(invocation.options);
      print("The configuration is good\n");
      return 0;
    }
    case "run": {
      // The gateway would find the same, but only after the engine has made a data directory.
      const { checkGatewayFiles } = await import("./check_gateway_files.ts");
      await checkGatewayFiles(invocation.options);
      const { runEngine } = await import("./engine.ts");
      return await runEngine(invocation.options, process);
    }
  }
}
