/**
 * The daemon as two kinds of processes, for tests that kill one or the other.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import * as tls from "node:tls";
import { connect, type ConnectOptions, type JobWorkerClient } from "../../lib/grpc/client.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { assert } from "../assert.ts";
import type { TestCertificates } from "../certificates.ts";
import { TestDaemon, type TestDaemonOptions } from "../end_to_end/daemon.ts";
import { TcpProxy } from "../end_to_end/proxy.ts";
import { allProcesses, processStat, until } from "../worker/fixture.ts";

/** Options of {@linkcode TestHouse.start}. */
interface TestHouseOptions extends TestDaemonOptions {
  /** What the daemon may report as an error. */
  readonly expected: RegExp;
}

/** A daemon that is treated badly: it may report some errors, unlike other daemons of tests. */
export class TestHouse implements AsyncDisposable {
  readonly daemon: TestDaemon;
  readonly #expected: RegExp;
  readonly #connections = new AsyncDisposableStack();
  #code = 0;

  private constructor(daemon: TestDaemon, expected: RegExp) {
    this.daemon = daemon;
    this.#expected = expected;
  }

  static async start(
    certificates: TestCertificates,
    options: TestHouseOptions,
  ): Promise<TestHouse> {
    return new TestHouse(await TestDaemon.start(certificates, options), options.expected);
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

  /** Ends the engine by SIGKILL, and with it the jobs that it would have ended at its next start. */
  async killEngine(): Promise<void> {
    this.#code = 128 + 9;
    const jobs = (await allProcesses()).filter(({ parent, pid, session }) =>
      parent === this.daemon.pid && session === pid
    );
    const gateways = await this.gateways();
    const cgroups = await jobCgroups(jobs.map(({ pid }) => pid));
    Deno.kill(this.daemon.pid, "SIGKILL");
    for (const { pid } of jobs) if (!gateways.includes(pid)) Deno.kill(-pid, "SIGKILL");
    // Only its next start would remove them.
    for (const cgroup of cgroups) await until(() => removed(cgroup));
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

/** The cgroups that some processes have as jobs; none where jobs have none. */
async function jobCgroups(pids: readonly number[]): Promise<string[]> {
  await using shell = new ProcShell({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
  const [root = ""] = (await shell.ask("cgroup_root")).split(" ");
  const paths = pids.map(async (pid) => {
    const text = await Deno.readTextFile(`/proc/${pid}/cgroup`);
    return `${root}/${/(?<=^0::.*\/job-worker\/)[0-9a-f-]+$/m.exec(text)?.[0] ?? ""}`;
  });
  return root === "" ? [] : (await Promise.all(paths)).filter((path) => !path.endsWith("/"));
}

/** Removes a cgroup, if no process is left in it. */
async function removed(cgroup: string): Promise<boolean> {
  try {
    await Deno.remove(cgroup);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
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

/** The fingerprint of the certificate that is shown to whoever connects, or why there is none. */
export async function shownCertificate(port: number): Promise<string> {
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ALPNProtocols: ["h2"],
    rejectUnauthorized: false,
  });
  let shown = "";
  socket.once("secureConnect", () => {
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
