import { assert } from "../../assert.ts";
import { IS_SOURCE, programLine } from "../../programs.ts";
import { processStat, until } from "../../worker/fixture.ts";
import { sharedDaemon } from "../../end_to_end/daemon.ts";
import { type Finished, TestProcess } from "../../end_to_end/process.ts";
import { TcpProxy } from "../../end_to_end/proxy.ts";

const daemon = await sharedDaemon();

/** Somebody whose calls keep their connection, and their keepers, which end with the test. */
class Keeping implements AsyncDisposable {
  readonly home: string;
  /** What all connections to the daemon go through. */
  readonly proxy: TcpProxy = TcpProxy.listen(daemon.port);
  keepTime = "1h";

  constructor(home: string) {
    this.home = home;
  }

  static async prepare(): Promise<Keeping> {
    // Whatever TMPDIR is: the path of a socket must be short.
    const user = new Keeping(await Deno.makeTempDir({ dir: "/tmp", prefix: "job-worker-" }));
    const { cert, key, ca } = daemon.certificates.paths("client");
    await user.use({ cert, key });
    await Deno.copyFile(ca, `${user.home}/ca.pem`);
    if (IS_SOURCE) await user.#writeExecutable();
    return user;
  }

  /** Puts a certificate and its key in the place of those before. */
  async use({ cert, key }: { readonly cert: string; readonly key: string }): Promise<void> {
    await Deno.copyFile(cert, `${this.home}/cert.pem`);
    await Deno.copyFile(key, `${this.home}/key.pem`);
  }

  get sockets(): string {
    return `${this.home}/job-worker/connections`;
  }

  start(...args: readonly string[]): TestProcess {
    const program = IS_SOURCE ? [this.#executable] : programLine("worker-cli", this.home);
    const options = [
      `--address=${this.proxy.address}`,
      ...["cert", "key", "ca"].map((name) => `--${name}=${this.home}/${name}.pem`),
      `--keep-connection=${this.keepTime}`,
      "--debug",
    ];
    const line = ["bash", "-c", 'exec 5</dev/full; exec "$@"', "bash", ...program];
    return new TestProcess([...line, ...options, ...args], {
      cwd: this.home,
      env: { XDG_RUNTIME_DIR: this.home },
    });
  }

  /** Runs a line to its end. Its outputs are closed then, whatever it has left behind. */
  async cli(...args: readonly string[]): Promise<Finished> {
    await using process = this.start(...args);
    return await process.finished();
  }

  /** What a line prints that succeeds. */
  async printed(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cli(...args);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout;
  }

  /** Waits until there is one keeper, which is connected. */
  async keeper(): Promise<number> {
    return await until(async () => {
      const [pid, ...others] = await this.keepers();
      if (pid === undefined || others.length > 0) return false;
      const ready = await Promise.all((await this.listed()).map(isReady));
      return ready.includes(true) && pid;
    });
  }

  /** The process ids of those that keep a connection for this test. */
  async keepers(): Promise<number[]> {
    const found: number[] = [];
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
      if (!line.includes(`\0__keep\0--address=${this.proxy.address}\0`)) continue;
      // A script on its way to be the program.
      if (line.includes("deno\0run\0")) found.push(Number(name));
    }
    return found;
  }

  /** The sockets that are there; one whose keeper was killed stays. */
  async listed(): Promise<string[]> {
    const names = await Array.fromAsync(Deno.readDir(this.sockets), ({ name }) => name)
      .catch(() => []);
    return names.filter((name) => name !== "lock").map((name) => `${this.sockets}/${name}`);
  }

  get #executable(): string {
    return `${this.home}/worker-cli`;
  }

  /** From the source, with the rights that the head of the executable gives. */
  async #writeExecutable(): Promise<void> {
    const line = programLine("worker-cli", this.home, [
      `--allow-write=${this.sockets}`,
      `--allow-run=${this.#executable}`,
      "--allow-sys=uid",
    ]);
    const words = line.map((word) => `'${word}'`).join(" ");
    const script = `#!/bin/sh
export WORKER_EXECUTABLE=$0
exec ${words} "$@"
`;
    await Deno.writeTextFile(this.#executable, script, { mode: 0o755 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of await this.keepers()) Deno.kill(pid, "SIGKILL");
    await until(async () => (await this.keepers()).length === 0);
    await this.proxy[Symbol.asyncDispose]();
    await Deno.remove(this.home, { recursive: true });
  }
}

/** Whether a keeper says that it is. */
async function isReady(path: string): Promise<boolean> {
  try {
    using connection = await Deno.connect({ transport: "unix", path });
    return await connection.read(new Uint8Array(1)) === 1;
  } catch {
    return false;
  }
}

Deno.test("Calls after the first go by the connection that it has left behind", async () => {
  await using user = await Keeping.prepare();
  const jobId = (await user.printed("start", "--", "sh", "-c", "echo out; echo err >&2; exit 7"))
    .trim();
  const keeper = await user.keeper();
  assert.equal(user.proxy.connections, 2, "One of the call, and one that is kept");
  const all = await user.cli("output", jobId);
  assert.deepEqual([all.code, all.stdout], [7, "out\n"]);
  assert.match(all.stderr, /^err\n/);
  const run = await user.cli("run", "--", "sh", "-c", "head -c 3000000 /dev/zero; kill -9 $$");
  assert.deepEqual([run.code, run.bytes.byteLength], [128 + 9, 3_000_000]);
  assert.match(await user.printed("status", jobId), /exit code 7/);
  const missing = await user.cli("status", jobId.replace(/^.{8}/, "00000000"));
  assert.equal(missing.code, 125);
  assert.match(missing.stderr, /^worker-cli: .*\nTo see your jobs: worker-cli list all\n/);
  assert.equal(user.proxy.connections, 2);
  assert.deepEqual(await user.keepers(), [keeper]);

  const paths = [user.sockets, ...await user.listed()];
  const modes = await Promise.all(paths.map(async (path) => (await Deno.lstat(path)).mode ?? 0));
  assert.deepEqual(modes.map((mode) => mode & 0o777), [0o700, 0o600]);
  const { session, group } = await processStat(keeper) ?? {};
  assert.deepEqual([session, group], [keeper, keeper], "No hang-up or Ctrl-C of ours reaches it");
  const directoryOfIt = `/proc/${keeper}/fd`;
  for (const fd of IS_SOURCE ? [0, 1, 2] : [0, 1, 2, 5]) {
    const link = await Deno.readLink(`${directoryOfIt}/${fd}`).catch(() => "");
    assert.notEqual(link, "/dev/full");
    if (fd < 3) assert.equal(link, "/dev/null");
  }
});

Deno.test("A call goes on without a keeper that was killed, and the next has another", async () => {
  await using user = await Keeping.prepare();
  await user.printed("list");
  const first = await user.keeper();
  // One that is suspended is not waited for, and not asked later.
  Deno.kill(first, "SIGSTOP");
  const suspended = await user.cli("list");
  assert.equal(suspended.code, 0);
  assert.match(suspended.stderr, /is not kept for later calls: .* does not answer\n$/);
  Deno.kill(first, "SIGKILL");
  await until(async () => (await user.keepers()).length === 0);
  await user.printed("list");
  const second = await user.keeper();
  const before = user.proxy.connections;
  await using through = user.start("run", "--", "sh", "-c", "echo 2; sleep 0.5; echo 3");
  await through.seen(/2\n/);
  Deno.kill(second, "SIGKILL");
  const { code, stdout } = await through.finished();
  assert.deepEqual([code, stdout], [0, "2\n3\n"]);
  assert.equal(user.proxy.connections, before + 1, "It has connected by itself");
});

Deno.test("A certificate that is replaced is not used again", async () => {
  await using user = await Keeping.prepare();
  const owner = async () => JSON.parse(await user.printed("start", "--json", "--", "true")).owner;
  const first = await owner();
  const keeper = await user.keeper();
  assert.equal(await owner(), first);
  await user.use(daemon.certificates.paths("operator"));
  const second = await owner();
  assert.notEqual(second, first);
  Deno.kill(keeper, "SIGKILL");
  await user.keeper();
  assert.equal(await owner(), second);
});

Deno.test("A keeper ends when it was not used for long, or is asked to", async () => {
  await using user = await Keeping.prepare();
  const ended = () => until(async () => (await user.keepers()).length === 0);
  await user.printed("list");
  Deno.kill(await user.keeper(), "SIGTERM");
  await ended();
  assert.deepEqual(await user.listed(), []);
  // Each starts one, but one is enough.
  await Promise.all([1, 2, 3].map(() => user.printed("list")));
  await user.keeper();
  // The last call says for how long.
  user.keepTime = "1ms";
  await user.printed("list");
  await ended();
  assert.deepEqual(await user.listed(), []);
});
