import { JobWorkerError, messageOf } from "../errors.ts";
import { isLasting } from "../files/lasting.ts";
import { VERSION_TEXT } from "../version.ts";
import { loadOptions } from "../config/config_file.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { GATEWAY_ROLE } from "./gateway_command.ts";
import { helpText } from "../config/help_text.ts";
import { isJournal, journalLines } from "./journal.ts";

/**
 * What a process ends with when its arguments are wrong; when it cannot do its work until somebody has
 * mended something, `EX_CONFIG` of sysexits.h(3head); and when that may pass. The unit for systemd names
 * the first two as those after which it is not started again.
 */
const EXIT_USAGE = 2;
const EXIT_CONFIGURATION = 78;
const EXIT_FAILURE = 1;

/**
 * The daemon, from its arguments to its exit status. What each of its roles needs is loaded in that role
 * only: the engine has no code for the network, and the gateway none for running programs.
 *
 * @returns 0 after a shutdown that was asked for; 2 for wrong arguments, 78 for what else somebody must
 * mend before it can start; 1 if it cannot start for now
 */
export async function main(process: DaemonProcess): Promise<number> {
  const { args: [word, ...others], environment, print } = process;
  try {
    switch (word) {
      case GATEWAY_ROLE: {
        const { runGateway } = await import("./gateway.ts");
        return await runGateway(process.pipes);
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
    // Asked to end while it was starting.
    if (process.signal.aborted && error === process.signal.reason) return 0;
    const text = `worker-daemon: ${messageOf(error)}\n`;
    process.printError(isJournal(environment) ? journalLines("error", text) : text);
    return exitStatusOf(error);
  }
}

function exitStatusOf(error: unknown): number {
  if (error instanceof JobWorkerError && error.code === "invalid_argument") return EXIT_USAGE;
  return isLasting(error) ? EXIT_CONFIGURATION : EXIT_FAILURE;
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
