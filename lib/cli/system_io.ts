import { askPassword } from "../ask_password.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { Settings } from "./invocation.ts";
import { type ConnectOptions, Interrupted, type Io, type Output, OutputClosed } from "./io.ts";
import type { JobClient } from "./job_client.ts";
import type { Environment } from "./settings.ts";
import { UserDirectory } from "./user_directory.ts";

/** The real world: this process, its terminal, its signals, and the daemon. */
export function systemIo(): Io {
  const [interrupted, interruptedAgain] = interruptions();
  const environment: Environment = (name) => Deno.env.get(name);
  return {
    stdin: Deno.stdin,
    stdout: systemOutput(Deno.stdout),
    stderr: systemOutput(Deno.stderr),
    environment,
    directory: UserDirectory.of(environment),
    interrupted,
    interruptedAgain,
    hostNames,
    connect,
    connectRest: async (options) => {
      await giveUpWriting();
      return new (await import("../rest/client.ts")).RestClient(options);
    },
    askPassword: (question) =>
      askPassword(question, { source: Deno.stdin, print, signal: interrupted }),
    readTextFile,
  };
}

function systemOutput(stream: typeof Deno.stdout): Output {
  // What is written at the same time, by a job and by us, must not mix.
  let last: Promise<void> = Promise.resolve();
  return {
    isTerminal: stream.isTerminal(),
    get columns() {
      // A terminal that was never told its size says 0.
      return Deno.consoleSize().columns || 80;
    },
    write(bytes) {
      const written = last.then(() => writeAll(stream, bytes));
      last = written.catch(() => {});
      return written;
    },
  };
}

async function writeAll(stream: typeof Deno.stdout, bytes: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) done += await stream.write(bytes.subarray(done));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) {
      throw new OutputClosed("Nobody reads this output any more", { cause: error });
    }
    const message = `Cannot write what was to be printed: ${messageOf(error)}`;
    throw new JobWorkerError("data_loss", message, { cause: error });
  }
}

/** Signals that are aborted one after the other, each time the user asks to leave. */
function interruptions(): [AbortSignal, AbortSignal] {
  const first = new AbortController();
  const second = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => {
      (first.signal.aborted ? second : first).abort(new Interrupted(name));
    });
  }
  return [first.signal, second.signal];
}

function hostNames(): readonly string[] {
  try {
    return [Deno.hostname()];
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return [];
    throw error;
  }
}

/** Who talks to a daemon writes no files. `deno compile` gives that right to all subcommands or to none. */
async function giveUpWriting(): Promise<void> {
  await Deno.permissions.revoke({ name: "write" });
}

async function connect(settings: Settings, options: ConnectOptions): Promise<JobClient> {
  await giveUpWriting();
  // Loaded when they are needed: help and wrong usage answer without them.
  const [{ connect }, { loadTlsMaterial }] = await Promise.all([
    import("../grpc/client.ts"),
    import("../auth/tls_material.ts"),
  ]);
  const { cert, key, ca } = await loadTlsMaterial(settings);
  return await connect({ address: settings.address, cert, key, ca, ...options });
}

/** Questions go to standard error, as the answers of programs go to standard output. */
function print(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}

async function readTextFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const message = `Cannot read "${path}": ${messageOf(error)}`;
    throw new JobWorkerError("failed_precondition", message, { cause: error });
  }
}
