import { fstatSync } from "node:fs";
import { askPassword } from "../stdio/ask_password.ts";
import { confirm } from "../stdio/confirm.ts";
import { BUILD } from "../build.ts";
import { failedPrecondition, JobWorkerError, messageOf } from "../errors.ts";
import type { Settings } from "./invocation.ts";
import { type ConnectOptions, Interrupted, type Io, type Output, OutputClosed } from "./io.ts";
import type { JobClient } from "./job_client.ts";
import type { Environment } from "./environment.ts";
import { UserDirectory } from "./user_directory.ts";
import { StandardInput } from "../stdio/standard_input.ts";
import { bothOutputs } from "../stdio/both_outputs.ts";
import type { StandardOutput } from "../stdio/standard_output.ts";

/** How much longer to wait for a daemon that may still be starting on a slow machine. */
const SILENCE_MS = 30_000;

/** The real world: this process, its terminal, its signals, and the daemon. */
export function systemIo(): Io {
  const [interrupted, interruptedAgain] = interruptions();
  const environment: Environment = (name) => Deno.env.get(name);
  const stdin = new StandardInput();
  const { stdout, stderr } = bothOutputs();
  /** Questions go to standard error, because standard output is for results. */
  const print = (text: string) => {
    stderr.write(new TextEncoder().encode(text)).catch(() => {});
  };
  return {
    stdin,
    stdout: systemOutput(stdout),
    stderr: systemOutput(stderr),
    environment,
    directory: UserDirectory.of(environment),
    interrupted,
    interruptedAgain,
    hostNames,
    connect: async (settings, options) => {
      const direct = () => connect(settings, options);
      if (settings.keepConnection === 0) {
        await giveUp("run");
        return await direct();
      }
      const { connectKept } = await import("./kept/connect_kept.ts");
      const onNotKept = (why: string) => {
        // From source, it never is.
        if (settings.debug || BUILD === "source") {
          print(`worker-cli: The connection is not kept for later calls: ${why}\n`);
        }
      };
      const surroundings = { environment, connect: direct, onNotKept };
      const client = await connectKept(settings, options, surroundings);
      await giveUp("run");
      return client;
    },
    connectRest: async (options) => {
      await giveUp("run");
      await giveUp("write");
      return new (await import("../rest/client.ts")).RestClient(options);
    },
    askPassword: (question) => askPassword(question, { source: stdin, print, signal: interrupted }),
    confirm: stdin.isTerminal()
      ? (question) => confirm(question, { source: stdin, print, signal: interrupted })
      : null,
    readTextFile,
  };
}

function systemOutput(output: StandardOutput): Output {
  return {
    isTerminal: output.isTerminal,
    get columns() {
      // 0 if the terminal does not know its size.
      return Deno.consoleSize().columns || 80;
    },
    get rows() {
      return Deno.consoleSize().rows || 24;
    },
    write: (bytes) => output.write(bytes).catch(throwWriteError),
  };
}

function throwWriteError(error: unknown): never {
  // After a hang-up, writing to the terminal fails with EIO.
  if (error instanceof Deno.errors.BrokenPipe || codeOf(error) === "EIO") {
    throw new OutputClosed("Nobody reads this output any more", { cause: error });
  }
  const message = `Cannot write the output: ${messageOf(error)}`;
  throw new JobWorkerError("data_loss", message, { cause: error });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/**
 * Two signals, which are aborted one after the other when the user asks to leave; both at a
 * hang-up.
 */
function interruptions(): [AbortSignal, AbortSignal] {
  const first = new AbortController();
  const second = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => {
      (first.signal.aborted ? second : first).abort(new Interrupted(name));
    });
  }
  const ignoresHangUps = isUnderNohup();
  Deno.addSignalListener("SIGHUP", () => {
    if (ignoresHangUps) return;
    for (const controller of [first, second]) controller.abort(new Interrupted("SIGHUP"));
  });
  return [first.signal, second.signal];
}

/**
 * Whether nohup(1) has started us from a terminal. Deno does not say that SIGHUP is ignored, and stops
 * ignoring it once it listens for any signal. But nohup also replaces the terminal by a `/dev/null` that
 * cannot be read.
 */
function isUnderNohup(): boolean {
  if (Deno.stdin.isTerminal() || !fstatSync(0).isCharacterDevice()) return false;
  try {
    Deno.stdin.readSync(new Uint8Array(1));
    return false;
  } catch (error) {
    return codeOf(error) === "EBADF";
  }
}

function hostNames(): readonly string[] {
  try {
    return [Deno.hostname()];
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return [];
    throw error;
  }
}

/**
 * Talking to a daemon needs no files to be written and no programs to be run, but `deno compile` gives these rights
 * to all subcommands or to none.
 */
async function giveUp(name: "run" | "write"): Promise<void> {
  await Deno.permissions.revoke({ name });
}

async function connect(settings: Settings, options: ConnectOptions): Promise<JobClient> {
  gatherEntropy();
  await giveUp("write");
  // Loaded on demand: help and usage errors do not need them.
  const [{ connect }, { loadTlsMaterial }] = await Promise.all([
    import("../grpc/client.ts"),
    import("../auth/tls_material.ts"),
  ]);
  const { cert, key, ca } = await loadTlsMaterial(settings, "client");
  const { address } = settings;
  const silenceTimeoutMs = options.onSilence === undefined ? 0 : SILENCE_MS;
  return await connect({ address, cert, key, ca, silenceTimeoutMs, ...options });
}

/**
 * Has the TLS library gather entropy in another thread while its users are loaded. It does that once in a
 * process, when it is first asked for random bytes, and takes longer for it than for the rest of a handshake.
 */
function gatherEntropy(): void {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  // The key is of no use; if it cannot be made, the handshake will tell.
  crypto.subtle.generateKey(algorithm, false, ["sign"]).catch(() => {});
}

async function readTextFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const message = `Cannot read "${path}": ${messageOf(error)}`;
    throw failedPrecondition(message, error);
  }
}
