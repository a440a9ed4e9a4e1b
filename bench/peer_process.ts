import type { TestCertificates } from "../tests/certificates.ts";
import { AS_ROOT, programLine, ROOT } from "../tests/programs.ts";

/** A process that serves, and says where. It is ended when it is disposed of. */
export class PeerProcess implements AsyncDisposable {
  readonly address: string;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  /** The daemon as users run it: an engine and a gateway. */
  static async daemon(certificates: TestCertificates, directory: string): Promise<PeerProcess> {
    const line = programLine("worker-daemon", directory);
    return await PeerProcess.start(
      [...line, ...daemonOptions(certificates), "--data-dir=data"],
      directory,
    );
  }

  /** The same in one process, see `direct_daemon.ts`. */
  static async direct(certificates: TestCertificates, directory: string): Promise<PeerProcess> {
    const line = programOf("direct_daemon.ts");
    return await PeerProcess.start(
      [...line, ...daemonOptions(certificates), "--data-dir=direct"],
      directory,
    );
  }

  /** TLS and nothing else, see `tls_peer.ts`. */
  static async tls(certificates: TestCertificates, directory: string): Promise<PeerProcess> {
    const { cert, key } = certificates.paths("server");
    return await PeerProcess.start([...programOf("tls_peer.ts"), cert, key], directory);
  }

  /** Runs a program, and waits until it listens. */
  static async start(
    line: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<PeerProcess> {
    const [program = "", ...args] = line;
    const child = new Deno.Command(program, {
      args,
      cwd,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let said = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      const address = /listening on (\S+)\n/.exec(said)?.[1];
      if (address !== undefined) return new PeerProcess(child, address);
    }
    throw new Error(`Cannot measure: ${line.join(" ")} ended`);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}

function programOf(name: string): string[] {
  return [Deno.execPath(), "run", "--allow-all", `${ROOT}bench/${name}`];
}

function daemonOptions(certificates: TestCertificates): string[] {
  const { cert, key, ca } = certificates.paths("server");
  const paths = [`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
  return ["--address=127.0.0.1:0", "--rest-address=off", ...AS_ROOT, ...paths];
}
