/**
 * What the demos are shown on: a temporary directory, the programs that run in it, and the lines that say what one
 * would type.
 *
 * @module
 */

import { JobWorkerError, messageOf } from "../../lib/errors.ts";
import { bothOutputs } from "../../lib/stdio/both_outputs.ts";
import { programLine } from "../../tests/programs.ts";

const encoder = new TextEncoder();
const { stdout } = bothOutputs();
const bold = stdout.isTerminal && !Deno.noColor
  ? (text: string) => `\x1b[1m${text}\x1b[0m`
  : (text: string) => text;

export function print(text: string): void {
  stdout.writeSync(encoder.encode(`${text}\n`));
}

/** Says what comes next. */
export function say(text: string): void {
  print(`\n${bold(text)}`);
}

/**
 * Shows what one would type.
 *
 * @param where on which of several hosts
 */
export function show(words: readonly string[], where = ""): void {
  print(
    `${where}$ ${words.map((word) => /^[\w./:=,-]+$/.test(word) ? word : `'${word}'`).join(" ")}`,
  );
}

/** The directory of a demo, and what is run in it. */
export class DemoStage {
  /** It is removed at the end. */
  readonly directory: string;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** Where `worker-cli` connects to. */
  address = "";
  /** Where it is run: its certificates are in `certs/` there. */
  home: string;

  constructor(directory: string, interrupted: AbortSignal) {
    this.directory = directory;
    this.home = directory;
    this.interrupted = interrupted;
  }

  /** Starts a process in the directory. */
  spawn(line: readonly string[], options: Deno.CommandOptions = {}): Deno.ChildProcess {
    const [program = "", ...args] = line;
    return new Deno.Command(program, {
      args,
      cwd: this.directory,
      // REST is not shown, and another program may have its port.
      env: { WORKER_ADDRESS: this.address, WORKER_DAEMON_REST_ADDRESS: "off" },
      stdin: "null",
      stderr: "inherit",
      ...options,
    }).spawn();
  }

  /** Shows a line of the CLI and runs it. */
  cli(args: readonly string[], options: Deno.CommandOptions = {}): Deno.ChildProcess {
    this.interrupted.throwIfAborted();
    show(["worker-cli", ...args]);
    const line = [...programLine("worker-cli", this.directory), ...args];
    return this.spawn(line, { cwd: this.home, signal: this.interrupted, ...options });
  }

  /**
   * Runs the CLI.
   *
   * @throws if it fails, so that nothing is shown that is not so
   */
  async run(...args: readonly string[]): Promise<void> {
    const { code } = await this.cli(args).status;
    this.interrupted.throwIfAborted();
    if (code !== 0) throw failed(args, code);
  }

  /** Runs the CLI where that is to fail, and shows how. */
  async runRefused(...args: readonly string[]): Promise<void> {
    const { code } = await this.cli(args).status;
    this.interrupted.throwIfAborted();
    if (code === 0) throw new Error(`worker-cli ${args[0]} has not failed`);
    print(`exit status: ${code}`);
  }

  /** Starts a job and returns its id. */
  async start(...args: readonly string[]): Promise<string> {
    const child = this.cli(["start", ...args], { stdout: "piped" });
    const jobId = (await new Response(child.stdout).text()).trim();
    const { code } = await child.status;
    this.interrupted.throwIfAborted();
    if (code !== 0) throw failed(["start"], code);
    print(jobId);
    return jobId;
  }
}

function failed([verb = ""]: readonly string[], code: number): Error {
  return new Error(`worker-cli ${verb} has failed with exit status ${code}`);
}

/**
 * Shows a demo, and ends this process: 130 if it was interrupted, 1 if this machine has not what it needs.
 *
 * @param demo throws a `JobWorkerError` to say so
 */
export async function perform(demo: (stage: DemoStage) => Promise<void>): Promise<never> {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => interrupted.abort(new Error(`Interrupted by ${signal}`)));
  }
  // A demo talks to no daemon of the user, and its own are as it says.
  for (const name of Object.keys(Deno.env.toObject())) {
    if (name.startsWith("WORKER_")) Deno.env.delete(name);
  }
  // Short, since the paths of Unix sockets in it may be no longer than 107 bytes.
  const directory = await Deno.makeTempDir({ prefix: "jw-demo-" });
  let code = 0;
  try {
    await demo(new DemoStage(directory, interrupted.signal));
  } catch (error) {
    const isInterruption = error === interrupted.signal.reason;
    if (!isInterruption && !(error instanceof JobWorkerError)) throw error;
    say(messageOf(error));
    if (!isInterruption) code = 1;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  Deno.exit(interrupted.signal.aborted ? 130 : code);
}
