import { runProgram } from "./run_program.ts";

/** Where programs are that only root's PATH has, too. */
const DIRECTORIES = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];

/** The absolute path of a program; `null` if it is not installed. */
export async function findProgram(name: string): Promise<string | null> {
  for (const directory of DIRECTORIES) {
    const info = await Deno.stat(`${directory}/${name}`).catch(() => null);
    if (info?.isFile) return `${directory}/${name}`;
  }
  return null;
}

/** An sshd of our own on the loopback, which lets one new key in: that of whoever runs this. */
export class SshServer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #options: readonly string[];

  private constructor(child: Deno.ChildProcess, options: readonly string[]) {
    this.#child = child;
    this.#options = options;
  }

  /** @returns `null` where there is none, or none can run */
  static async start(parent: string): Promise<SshServer | null> {
    const sshd = await findProgram("sshd");
    if (sshd === null || await findProgram("ssh") === null) return null;
    const directory = await Deno.makeTempDir({ dir: parent, prefix: "ssh-" });
    // As root it wants a directory for those that it has not let in yet.
    if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true, mode: 0o755 });
    for (const name of ["host", "client"]) {
      await runProgram([
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-f",
        `${directory}/${name}`,
      ]);
    }
    const port = freePort();
    const child = new Deno.Command(sshd, {
      args: [
        ...["-D", "-f", "/dev/null", "-h", `${directory}/host`, "-p", `${port}`],
        ...["-o", "ListenAddress=127.0.0.1", "-o", "StrictModes=no", "-o", "PidFile=none"],
        ...["-o", `AuthorizedKeysFile=${directory}/client.pub`, "-o", "UsePAM=no"],
        ...["-o", "MaxStartups=100"],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new SshServer(child, [
      ...["-F", "/dev/null", "-i", `${directory}/client`, "-p", `${port}`],
      ...["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${directory}/known`],
      ...["-o", "LogLevel=ERROR", "-o", "ConnectionAttempts=50"],
    ]);
    for (let attempt = 0;; attempt++) {
      try {
        await runProgram(server.line("true"));
        return server;
      } catch (error) {
        if (attempt < 50) continue;
        await server[Symbol.asyncDispose]();
        throw error;
      }
    }
  }

  /** The command line that runs another one through it. */
  line(...args: readonly string[]): string[] {
    return ["ssh", ...this.#options, "127.0.0.1", "--", ...args];
  }

  /** A connection that is kept, see `ControlMaster` in ssh_config(5). */
  async share(): Promise<SharedConnection> {
    const path = await Deno.makeTempFile({ prefix: "job-worker-bench-" });
    await Deno.remove(path);
    const options = ["-S", path, ...this.#options];
    await runProgram(["ssh", "-M", "-f", "-N", ...options, "127.0.0.1"]);
    return {
      line: (...args) => ["ssh", ...options, "127.0.0.1", "--", ...args],
      [Symbol.asyncDispose]: async () =>
        void await runProgram(["ssh", "-O", "exit", ...options, "127.0.0.1"]),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}

/** See {@linkcode SshServer.share}. */
export interface SharedConnection extends AsyncDisposable {
  line(...args: readonly string[]): string[];
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
