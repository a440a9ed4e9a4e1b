import { loadOptions } from "../config/config_file.ts";
import { helpText } from "../config/help_text.ts";
import { VERSION_TEXT } from "../version.ts";
import type { DaemonProcess } from "./daemon_process.ts";

/** Runs the engine, or does instead what the command line says. */
export async function runDaemon(process: DaemonProcess): Promise<number> {
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
      if (invocation.options.hub) {
        const { runHub } = await import("./hub.ts");
        return await runHub(invocation.options, process);
      }
      const { runEngine } = await import("./engine.ts");
      return await runEngine(invocation.options, process);
    }
  }
}
