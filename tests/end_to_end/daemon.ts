/**
 * The real daemon and the real CLI, with the permissions of their tasks.
 *
 * @module
 */

import { connect, type ConnectOptions, type JobWorkerClient } from "../../lib/grpc/client.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { AS_ROOT, programLine } from "../programs.ts";
import { until } from "../worker/fixture.ts";
import { type Finished, TestProcess } from "./process.ts";
import { TcpProxy } from "./proxy.ts";

/** Who uses the CLI: the names of the certificates. `client` is the admin. */
export type User = "client" | "operator" | "viewer";

/** Options of {@linkcode TestDaemon.start}. */
export interface TestDaemonOptions {
  /** They come after those that every test daemon gets, and so they win. */
  readonly args?: readonly string[];
  /** A program that runs the one that its arguments end with. */
  readonly starter?: readonly string[];
}

/**
 * A daemon on a free port, in a directory of its own. Disposing of it shuts it down, and fails if
 * that goes wrong or if it has reported an error.
 */
export class TestDaemon implements AsyncDisposable {
  readonly directory: string;
  /** `host:port`. */
  readonly address: string;
  readonly certificates: TestCertificates;
  #child: Deno.ChildProcess;

  private constructor(
    child: Deno.ChildProcess,
    parts: { directory: string; address: string; certificates: TestCertificates },
  ) {
    this.#child = child;
    this.directory = parts.directory;
    this.address = parts.address;
    this.certificates = parts.certificates;
  }

  static async start(
    certificates: TestCertificates,
    options: TestDaemonOptions = {},
  ): Promise<TestDaemon> {
    const directory = await Deno.makeTempDir({ prefix: "job-worker-daemon-" });
    try {
      const { child, address } = await launch(directory, certificates, options);
      return new TestDaemon(child, { directory, address, certificates });
    } catch (error) {
      await Deno.remove(directory, { recursive: true });
      throw error;
    }
  }

  get port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(":") + 1));
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it has printed so far. */
  outputs(): Promise<{ stdout: string; stderr: string }> {
    return outputsIn(this.directory);
  }

  /** Program and arguments of `worker-cli` for this daemon. Options in `args` win. */
  cliLine(args: readonly string[], user: User = "client"): string[] {
    const { cert, key, ca } = this.certificates.paths(user);
    const settings = [`--address=${this.address}`, `--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
    return [...programLine("worker-cli", this.directory), ...settings, ...args];
  }

  /** Starts `worker-cli`. */
  startCli(args: readonly string[], user: User = "client"): TestProcess {
    return new TestProcess(this.cliLine(args, user), { cwd: this.directory });
  }

  /** Runs `worker-cli` to its end. */
  async cli(args: readonly string[], user: User = "client"): Promise<Finished> {
    await using process = this.startCli(args, user);
    return await process.finished();
  }

  /** What the CLI printed for a line of arguments, having exited with 0. */
  async printed(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    const { code, stdout, stderr } = await this.cli(args);
    assert.equal(code, 0, stderr);
    return { stdout, stderr };
  }

  /** Starts a shell script as a job, and returns its id. */
  async sh(script: string, ...options: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cli([
      "start",
      ...options,
      "--",
      "sh",
      "-c",
      script,
    ]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }

  /** The same, waiting for the job's end. */
  async ran(script: string, ...options: readonly string[]): Promise<string> {
    const jobId = await this.sh(script, ...options);
    const { stderr } = await this.cli(["wait", jobId]);
    assert.match(stderr, /^(worker-cli: Job [^\n]+\n)?$/);
    return jobId;
  }

  /** Lets a connection of the client library be used, and closes it. */
  async withClient(
    use: (client: JobWorkerClient) => Promise<void>,
    options: Partial<ConnectOptions> = {},
  ): Promise<void> {
    const material = await this.certificates.material("client");
    // grpc-js closes a connection when it gets round to it, but knows at once when it is broken.
    await using proxy = TcpProxy.listen(this.port);
    await using client = await connect({ address: proxy.address, ...material, ...options });
    await use(client);
  }

  /** Ends the daemon as an administrator would. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<Omit<Finished, "bytes">> {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    const { code } = await this.#child.status;
    return { code, ...await this.outputs() };
  }

  /** Stops it, and starts another with the same data at the same address. */
  async restart(more: readonly string[] = []): Promise<void> {
    await this.#stopWell();
    // Or the line of this one would be taken for the next one's.
    await Deno.remove(`${this.directory}/stdout`);
    const args = [`--address=${this.address}`, ...more];
    ({ child: this.#child } = await launch(this.directory, this.certificates, { args }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#stopWell();
    } finally {
      await Deno.remove(this.directory, { recursive: true });
    }
  }

  async #stopWell(): Promise<void> {
    const { code, stderr } = await this.stop();
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, / ERROR |\n +at /);
  }
}

/** REST would have the same port in all daemons, so only tests of REST should have it. */
export const WITHOUT_REST = { WORKER_DAEMON_REST_ADDRESS: "off" } as const;

/** Starts a daemon and waits until it listens. */
async function launch(
  directory: string,
  certificates: TestCertificates,
  { args = [], starter = [] }: TestDaemonOptions,
): Promise<{ child: Deno.ChildProcess; address: string }> {
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      // These are files, since pipes would have to be read in every test that shares the daemon.
      'exec "$@" >stdout 2>stderr',
      "sh",
      ...starter,
      ...daemonLine(certificates, directory, args),
    ],
    cwd: directory,
    env: { NO_COLOR: "1", ...WITHOUT_REST },
    stdin: "null",
  }).spawn();
  let running = true;
  child.status.then(() => running = false);
  const [, address = ""] = await until(async () => {
    const { stdout, stderr } = await outputsIn(directory);
    assert.ok(running, `The daemon ended before it listened: ${stderr}`);
    return /listening on (\S+)\n/.exec(stdout) ?? false;
  });
  return { child, address };
}

/** A daemon for all tests of a file, with certificates of its own. */
export async function sharedDaemon(): Promise<TestDaemon> {
  const certificates = await TestCertificates.create();
  const daemon = await TestDaemon.start(certificates);
  Deno.test.afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await certificates[Symbol.asyncDispose]();
  });
  return daemon;
}

/** Program and arguments of a daemon of these certificates on a free port. */
export function daemonLine(
  certificates: TestCertificates,
  directory: string,
  args: readonly string[] = [],
): string[] {
  const { cert, key, ca } = certificates.paths("server");
  const paths = [`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
  return [
    ...programLine("worker-daemon", directory),
    "--address=127.0.0.1:0",
    ...AS_ROOT,
    ...paths,
    ...args,
  ];
}

/** Runs a daemon that is expected not to start. */
export async function failedDaemon(
  certificates: TestCertificates,
  args: readonly string[],
  options: Deno.CommandOptions = {},
): Promise<Finished> {
  const directory = String(options.cwd ?? Deno.cwd());
  await using process = new TestProcess(daemonLine(certificates, directory, args), {
    ...options,
    env: { ...WITHOUT_REST, ...options.env },
  });
  return await process.finished();
}

async function outputsIn(directory: string): Promise<{ stdout: string; stderr: string }> {
  const [stdout = "", stderr = ""] = await Promise.all(
    ["stdout", "stderr"].map((name) => Deno.readTextFile(`${directory}/${name}`).catch(() => "")),
  );
  return { stdout, stderr };
}
