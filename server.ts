/**
 * `worker-daemon`: passes the arguments and signals of the process to the daemon, and exits with its status.
 *
 * @module
 */

import { askNewPassword } from "./lib/stdio/ask_password.ts";
import { main } from "./lib/daemon/main.ts";
import { StandardInput } from "./lib/stdio/standard_input.ts";
import { StandardOutput } from "./lib/stdio/standard_output.ts";

const ending = new AbortController();
for (const signal of ["SIGTERM", "SIGINT", "SIGUSR2"] as const) {
  Deno.addSignalListener(signal, () => ending.abort(new Error(signal)));
}
// Whoever starts us may ignore this one, and the kernel would then keep no exit status of our children for us.
Deno.addSignalListener("SIGCHLD", () => {});

const encoder = new TextEncoder();
const stdout = StandardOutput.stdout();
const stderr = StandardOutput.stderr();
const printError = (text: string) => stderr.writeSync(encoder.encode(text));
const status = await main({
  args: Deno.args,
  environment: (name) => Deno.env.get(name),
  signal: ending.signal,
  onReload: (reload) => Deno.addSignalListener("SIGHUP", reload),
  pipes: { input: Deno.stdin.readable, output: Deno.stdout.writable },
  print: (text) => {
    try {
      stdout.writeSync(encoder.encode(text));
    } catch (error) {
      // Nobody reads the output, which is no reason to stop.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  },
  printError,
  askNewPassword: (question) =>
    askNewPassword(question, {
      source: new StandardInput(),
      print: printError,
      signal: ending.signal,
    }),
});
Deno.exit(status);
