/**
 * The daemon as two kinds of processes, for tests that kill one or the other.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import * as tls from "node:tls";
import { connect, type ConnectOptions, type JobWorkerClient } from "../../lib/grpc/client.ts";
import { assert } from "../assert.ts";
import type { TestCertificates } from "../certificates.ts";
import { executorsIn } from "../daemon/executor_fixture.ts";
import { TestDaemon, type TestDaemonOptions } from "../end_to_end/daemon.ts";
import { TcpProxy } from "../end_to_end/proxy.ts";
import { allProcesses, processStat, until } from "../worker/fixture.ts";

/** Options of {@linkcode TestHouse.start}. */
interface TestHouseOptions extends TestDaemonOptions {
  /** What the daemon may report as an error. */
  readonly expected: RegExp;
  /** What the daemon exits with; 0 by default. */
  readonly code?: number;
}

/** A daemon that is treated badly: it may report some errors, unlike other daemons of tests. */
export class TestHouse implements AsyncDisposable {
  readonly daemon: TestDaemon;
  readonly #expected: RegExp;
  readonly #connections = new AsyncDisposableStack();
  #code: number;

  private constructor(daemon: TestDaemon, { expected, code = 0 }: TestHouseOptions) {
    this.daemon = daemon;
    this.#expected = expected;
    this.#code = code;
  }

  static async start(
    certificates: TestCertificates,
    options: TestHouseOptions,
  ): Promise<TestHouse> {
    return new TestHouse(await TestDaemon.start(certificates, options), options);
  }

  /** A connection of the client library that lasts as long as the house. */
  async connect(options: Partial<ConnectOptions> = {}): Promise<JobWorkerClient> {
    const material = await this.daemon.certificates.material("client");
    // See TestDaemon.withClient().
    const proxy = this.#connections.use(TcpProxy.listen(this.daemon.port));
    return this.#connections.use(
      await connect({ address: proxy.address, ...material, ...options }),
    );
  }

  /** The process ids of its gateways. */
  gateways(): Promise<number[]> {
    return gatewaysOf(this.daemon.pid);
  }

  /** The only gateway. */
  async gateway(): Promise<number> {
    const [pid, ...more] = await until(async () => {
      const pids = await this.gateways();
      return pids.length > 0 && pids;
    });
    assert.ok(pid !== undefined && more.length === 0);
    return pid;
  }

  /** Waits for the gateway that comes when this one has died. */
  async successor(pid: number): Promise<number> {
    const pattern = new RegExp(`Gateway ${pid} ended[^]*?Gateway (\\d+) listens`);
    return Number((await this.diagnosed(pattern))[1]);
  }

  /** Waits for a pattern in the diagnostics. */
  async diagnosed(pattern: RegExp): Promise<RegExpExecArray> {
    return await until(async () => pattern.exec((await this.daemon.outputs()).stderr) ?? false);
  }

  /** How often a pattern occurs in the diagnostics. */
  async count(pattern: RegExp): Promise<number> {
    const { stderr } = await this.daemon.outputs();
    return stderr.match(new RegExp(pattern, "g"))?.length ?? 0;
  }

  /** Ends the engine by SIGKILL, and then the jobs, which would go on for the next one. */
  async killEngine(): Promise<void> {
    this.#code = 128 + 9;
    Deno.kill(this.daemon.pid, "SIGKILL");
    const dataDirectory = `${this.daemon.directory}/data`;
    const executors = await executorsIn(dataDirectory);
    assert.notEqual(executors.length, 0);
    for (const pid of executors) Deno.kill(pid, "SIGTERM");
    await until(async () => (await executorsIn(dataDirectory)).length === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections.disposeAsync();
    const { code, stderr } = await this.daemon.stop();
    await Deno.remove(this.daemon.directory, { recursive: true });
    assert.equal(code, this.#code, stderr);
    const errors = stderr.split("\n").filter((line) => / ERROR |^ +at /.test(line));
    assert.deepEqual(errors.filter((line) => !this.#expected.test(line)), []);
    assert.deepEqual(await this.gateways(), []);
  }
}

/**
 * Kills a process. SIGSEGV takes two: after the first, V8 sets the signal back to its default and lets
 * the faulty instruction fault again, of which there is none.
 */
export async function slay(pid: number, signal: Deno.Signal): Promise<void> {
  await until(async () => {
    if (["Z", undefined].includes((await processStat(pid))?.state)) return true;
    try {
      Deno.kill(pid, signal);
    } catch (error) {
      // It has gone since that look.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return false;
  });
}

/** The gateways of the daemon with this process id. */
export async function gatewaysOf(daemon: number): Promise<number[]> {
  const children = (await allProcesses()).filter(({ parent, state }) =>
    parent === daemon && state !== "Z"
  );
  const found: number[] = [];
  for (const { pid } of children) {
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    // Before it is a deno it is, for a moment, the setsid that becomes one.
    if (line.startsWith(`${Deno.execPath()}\0`) && line.endsWith("\0gateway\0")) found.push(pid);
  }
  return found;
}

/**
 * The fingerprint of the certificate that is shown to whoever connects, or why there is none.
 *
 * @param client a certificate that is shown in turn, or this could be done fifteen times before it is refused
 */
export async function shownCertificate(
  port: number,
  client: { readonly cert: string; readonly key: string } | null = null,
): Promise<string> {
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ALPNProtocols: ["h2"],
    rejectUnauthorized: false,
    ...client,
  });
  let shown = "";
  // The first that comes from a server is what it says once it has let the client in.
  socket.once(client === null ? "secureConnect" : "data", () => {
    shown = socket.getPeerX509Certificate()?.fingerprint256 ?? "";
    socket.destroy();
  });
  socket.on("error", (error) => shown ||= error.message);
  const closed = Promise.withResolvers<void>();
  socket.once("close", () => closed.resolve());
  await closed.promise;
  return shown;
}

/** The fingerprint of a certificate in PEM. */
export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256;
}
