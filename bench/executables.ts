import { compile } from "../build/compile.ts";
import type { TestCertificates } from "../tests/certificates.ts";
import { connect, type JobWorkerClient } from "../lib/grpc/client.ts";
import { AS_ROOT } from "../tests/programs.ts";
import { type Bare, bareLine, type BareWay, bundleBare } from "./bare_programs.ts";
import { PeerProcess } from "./peer_process.ts";
import { RoleProcesses } from "./role_processes.ts";

/** The executables as `deno task compile` makes them, in a directory that is new. */
export class Executables {
  readonly #directory: string;
  readonly #certificates: TestCertificates;
  #paths = 0;

  private constructor(directory: string, certificates: TestCertificates) {
    this.#directory = directory;
    this.#certificates = certificates;
  }

  static async make(directory: string, certificates: TestCertificates): Promise<Executables> {
    const out = `${directory}/bin`;
    const target = Deno.build.target;
    await compile({ target, out, portable: false, build: "bench", say: () => {} });
    await bundleBare(out);
    return new Executables(directory, certificates);
  }

  /** The variables of whatever runs them. They unpack where nobody else looks, also as root. */
  get environment(): Record<string, string> {
    return { XDG_CACHE_HOME: `${this.#directory}/cache` };
  }

  /** The command line of `worker-cli` with these arguments. */
  cliLine(args: readonly string[], address = ""): string[] {
    const { cert, key, ca } = this.#certificates.paths("client");
    const settings = address === ""
      ? []
      : [`--address=${address}`, `--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
    return [`${this.#directory}/bin/worker-cli`, ...settings, ...args];
  }

  /** Where there is nothing yet. */
  newPath(): string {
    return `${this.#directory}/new-${++this.#paths}`;
  }

  /** Starts a daemon that has the rights of whoever runs this, and connects to it. */
  async start(
    args: readonly string[] = [],
    dataDirectory: string = this.newPath(),
  ): Promise<BenchDaemon> {
    const { cert, key, ca } = this.#certificates.paths("server");
    const diagnostics = this.newPath();
    const peer = await PeerProcess.start(
      [
        ...["sh", "-c", 'exec "$@" 2>"$0"', diagnostics],
        `${this.#directory}/bin/worker-daemon`,
        ...["--address=127.0.0.1:0", "--rest-address=off", `--data-dir=${dataDirectory}`],
        ...[`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`, ...AS_ROOT, ...args],
      ],
      this.#directory,
      this.environment,
    ).catch(async (error) => {
      throw new Error(await Deno.readTextFile(diagnostics), { cause: error });
    });
    return await BenchDaemon.connect(peer, this.#certificates, dataDirectory);
  }

  /** Starts a server of jobs that shows a limit, see `bare_server.ts`. */
  async startBare(way: BareWay = "remember"): Promise<BenchDaemon> {
    const { cert, key, ca } = this.#certificates.paths("server");
    const directory = this.newPath();
    await Deno.mkdir(directory);
    const line = this.bareLine("bare_server", way, cert, key, ca, directory);
    const peer = await PeerProcess.start(line, this.#directory);
    return await BenchDaemon.connect(peer, this.#certificates, directory);
  }

  /** The command line of a call by grpc-js and nothing else. */
  bareCallLine(address: string, jobId: string): string[] {
    const { cert, key, ca } = this.#certificates.paths("client");
    return this.bareLine("bare_client", address, ca, cert, key, jobId);
  }

  /** The command line of a program that shows a limit. */
  bareLine(name: Bare, ...args: readonly string[]): string[] {
    return [...bareLine(name, `${this.#directory}/bin`), ...args];
  }
}

/** A daemon that is measured, with a client that is connected to it. */
export class BenchDaemon implements AsyncDisposable {
  readonly address: string;
  readonly client: JobWorkerClient;
  readonly processes: RoleProcesses;
  readonly #peer: PeerProcess;
  readonly #certificates: TestCertificates;

  private constructor(
    peer: PeerProcess,
    certificates: TestCertificates,
    client: JobWorkerClient,
    dataDirectory: string,
  ) {
    this.#peer = peer;
    this.#certificates = certificates;
    this.address = peer.address;
    this.client = client;
    this.processes = new RoleProcesses(peer.pid, dataDirectory);
  }

  static async connect(
    peer: PeerProcess,
    certificates: TestCertificates,
    dataDirectory: string,
  ): Promise<BenchDaemon> {
    const material = await certificates.material("client");
    const client = await connect({ address: peer.address, ...material });
    return new BenchDaemon(peer, certificates, client, dataDirectory);
  }

  /** Another client, with a connection of its own. */
  async another(): Promise<JobWorkerClient> {
    const material = await this.#certificates.material("client");
    return await connect({ address: this.address, ...material });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.#peer[Symbol.asyncDispose]();
  }
}
