import { connect, type JobWorkerClient } from "../../lib/grpc/client.ts";
import type { TestCertificates } from "../certificates.ts";
import { daemonLine, WITHOUT_REST } from "../end_to_end/daemon.ts";
import { type Finished, TestProcess } from "../end_to_end/process.ts";
import { TcpProxy } from "../end_to_end/proxy.ts";
import { programLine } from "../programs.ts";
import { assert } from "../assert.ts";
import { delay } from "../../lib/async/delay.ts";
import { executorsIn } from "../daemon/executor_fixture.ts";
import { allProcesses, until } from "../worker/fixture.ts";
import { seeded } from "../random.ts";

const random = seeded("mortal daemon");

type StartArguments = [
  certificates: TestCertificates,
  directory: string,
  args?: readonly string[],
];

/** The real daemon, with a data directory that outlives it. */
export class MortalDaemon implements AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  readonly #process: TestProcess;
  readonly #certificates: TestCertificates;
  readonly #directory: string;

  private constructor(
    process: TestProcess,
    address: string,
    certificates: TestCertificates,
    directory: string,
  ) {
    this.#process = process;
    this.address = address;
    this.#certificates = certificates;
    this.#directory = directory;
  }

  /** @param directory its data is in `data` there */
  static async start(
    ...[certificates, directory, args = []]: StartArguments
  ): Promise<MortalDaemon> {
    const process = launch(certificates, directory, args);
    try {
      const [, address = ""] = await process.seen(/listening on (\S+)\n/);
      return new MortalDaemon(process, address, certificates, directory);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts one, and kills it so soon that it may not have settled what it found. */
  static async startAndKill(
    ...[certificates, directory, args = []]: StartArguments
  ): Promise<void> {
    await using process = launch(certificates, directory, args);
    await delay(random() * 600);
    process.kill("SIGKILL");
  }

  /** Lets a connection of the admin's be used, and closes it. */
  async withClient<T>(use: (client: JobWorkerClient) => Promise<T>): Promise<T> {
    const material = await this.#certificates.material("client");
    // grpc-js closes a connection when it gets round to it, but knows at once when it is broken.
    await using proxy = TcpProxy.listen(Number(this.address.split(":").at(-1)));
    await using client = await connect({ address: proxy.address, ...material });
    return await use(client);
  }

  /** Starts `worker-cli`. */
  startCli(
    args: readonly string[],
    user: "client" | "operator" | "viewer" = "client",
  ): TestProcess {
    const { cert, key, ca } = this.#certificates.paths(user);
    const settings = [`--address=${this.address}`, `--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
    const directory = this.#directory;
    return new TestProcess([...programLine("worker-cli", directory), ...settings, ...args], {
      cwd: directory,
    });
  }

  /** Runs `worker-cli` to its end. */
  async cli(...[args, user]: Parameters<MortalDaemon["startCli"]>): Promise<Finished> {
    await using process = this.startCli(args, user);
    return await process.finished();
  }

  /**
   * Kills the engine, and returns once its gateway has gone too. Its jobs go on, unless their executor is
   * killed with it.
   *
   * @returns the processes that those which were killed had at that moment: the gateway, the shell, and the
   *   leaders of jobs
   */
  async kill({ executor = false }: { readonly executor?: boolean } = {}): Promise<number[]> {
    const killed = [this.#process.pid];
    // A stopped process starts nothing between the look and the end.
    this.#process.kill("SIGSTOP");
    if (executor) killed.push(...await executorsIn(`${this.#directory}/data`));
    for (const pid of killed) Deno.kill(pid, "SIGSTOP");
    const children = (await allProcesses()).filter(({ parent }) => killed.includes(parent));
    for (const pid of killed) Deno.kill(pid, "SIGKILL");
    await this.#process.finished();
    await until(async () =>
      (await executorsIn(`${this.#directory}/data`))
        .every((pid) => !killed.includes(pid))
    );
    return children.map(({ pid }) => pid);
  }

  /** Ends the engine, and leaves the jobs to the executor. */
  async handOver(): Promise<void> {
    this.#process.kill("SIGUSR2");
    const { code, stderr } = await this.#process.finished();
    assert.equal(code, 0, stderr);
  }

  /** Ends it as an administrator would; if it has not ended yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#process.finished();
  }
}

function launch(...[certificates, directory, args = []]: StartArguments): TestProcess {
  return new TestProcess(daemonLine(certificates, directory, args), {
    cwd: directory,
    env: WITHOUT_REST,
  });
}
