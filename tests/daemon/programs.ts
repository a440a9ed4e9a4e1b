import { main } from "../../lib/daemon/main.ts";

/** Runs the daemon's program in this process; it may do anything but start a daemon. */
export async function runDaemonProgram(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ["", ""];
  const code = await main({
    args,
    environment: (name) => variables[name],
    signal: AbortSignal.abort(new Error("The test does not start daemons")),
    onReload: () => {},
    pipes: { input: new ReadableStream(), output: new WritableStream() },
    askNewPassword: () => Promise.reject(new Error("Nobody is there to be asked")),
    print: (text) => stdout += text,
    printError: (text) => stderr += text,
  });
  return { code, stdout, stderr };
}
