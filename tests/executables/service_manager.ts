import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { allProcesses, until } from "../worker/fixture.ts";
import type { Executables } from "./executables.ts";

/** After so long nothing more will be told. */
const TIMEOUT_MS = 60_000;

/** What a process has told the service manager. */
interface Word {
  readonly pid: number;
  readonly lines: readonly string[];
}

/** Stands in for systemd: listens for what the daemon tells. */
class Listener implements AsyncDisposable {
  readonly path: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(path: string) {
    this.path = path;
    this.#child = new Deno.Command("python3", {
      args: [`${ROOT}tests/executables/notify_socket.py`, path],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
  }

  static async start(path: string): Promise<Listener> {
    const listener = new Listener(path);
    await listener.#lines.next();
    return listener;
  }

  /** The next thing that it hears. */
  async next(): Promise<Word> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), TIMEOUT_MS);
    const { done, value } = await this.#lines.next();
    clearTimeout(timer);
    assert.ok(!done, `It hears nothing for ${TIMEOUT_MS} ms`);
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    await this.#lines.return?.();
    await this.#child.status;
  }
}

async function* linesOf(source: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** A daemon that was started by a service manager. */
class Supervised implements AsyncDisposable {
  readonly directory: string;
  readonly listener: Listener;
  readonly daemon: Deno.ChildProcess;
  readonly #executables: Executables;

  private constructor(
    executables: Executables,
    parts: { directory: string; listener: Listener; daemon: Deno.ChildProcess },
  ) {
    this.#executables = executables;
    this.directory = parts.directory;
    this.listener = parts.listener;
    this.daemon = parts.daemon;
  }

  static async start(executables: Executables, ...options: string[]): Promise<Supervised> {
    const directory = await executables.makeDirectory("supervised-");
    const env = executables.environment(directory);
    const made = await executables.run("worker-daemon", ["init", `--dir=${directory}`], { env });
    assert.deepEqual([made.code, made.stderr], [0, ""]);
    return await Supervised.startIn(directory, executables, ...options);
  }

  /** The same with what one before has left. */
  static async startIn(
    directory: string,
    executables: Executables,
    ...options: string[]
  ): Promise<Supervised> {
    const env = executables.environment(directory);
    await Deno.remove(`${directory}/manager`).catch(() => {});
    const listener = await Listener.start(`${directory}/manager`);
    const args = [
      `--config=${directory}/job-worker.json`,
      "--address=127.0.0.1:0",
      "--rest-address=off",
      ...options,
    ];
    const daemon = executables.start("worker-daemon", args, {
      env: { ...env, NOTIFY_SOCKET: listener.path },
      outputs: directory,
    });
    return new Supervised(executables, { directory, listener, daemon });
  }

  async stderr(): Promise<string> {
    return await Deno.readTextFile(`${this.directory}/stderr`).catch(() => "");
  }

  async cli(address: string, ...args: string[]): Promise<{ code: number; stdout: string }> {
    const material = ["ca-cert", "client-cert", "client-key"].map((name) =>
      `--${name.replace(/^client-|-cert$/g, "")}=${this.directory}/certs/${name}.pem`
    );
    const env = this.#executables.environment(this.directory);
    return await this.#executables.run(
      "worker-cli",
      [`--address=${address}`, ...material, ...args],
      { env },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.daemon.kill("SIGTERM");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.daemon.status;
    await this.listener[Symbol.asyncDispose]();
  }
}

/** What systemd hears of a daemon that it has started with `Type=notify`. */
export function testServiceManager(executables: Executables): void {
  Deno.test("A daemon tells its service manager, as the process that was started, when it serves", async () => {
    await using supervised = await Supervised.start(executables);
    const { listener, daemon, directory } = supervised;
    const ready = await listener.next();
    const [first, status = ""] = ready.lines;
    assert.equal(first, "READY=1");
    const [, address = ""] = /^STATUS=listening on (127\.0\.0\.1:\d+)$/.exec(status) ?? [];
    assert.deepEqual(
      await supervised.cli(address, "run", "--", "env").then(({ code, stdout }) => [
        code,
        /^JOB_ID=/m.test(stdout),
        // A job must not be able to speak in our name.
        /NOTIFY/.test(stdout),
      ]),
      [0, true, false],
    );

    daemon.kill("SIGHUP");
    const reloading = await listener.next();
    assert.equal(reloading.lines[0], "RELOADING=1");
    const reloaded = await listener.next();
    assert.deepEqual(reloaded.lines, ready.lines);
    assert.match(await supervised.stderr(), /Gateway \d+ takes over from \d+/);

    daemon.kill("SIGTERM");
    const stopping = await listener.next();
    assert.equal(stopping.lines[0], "STOPPING=1");
    assert.equal((await daemon.status).code, 0);
    for (const { pid } of [ready, reloading, reloaded, stopping]) assert.equal(pid, daemon.pid);
    const data = await Array.fromAsync(Deno.readDir(`${directory}/data`), ({ name }) => name);
    assert.ok(!data.includes("notify.sock"));
  });

  Deno.test("A daemon ends its jobs where its service manager would, and a crash leaves them to the next one", async () => {
    const script = 'until [ -e "$1" ]; do sleep 0.05; done; exit 7';
    const addressOf = async (supervised: Supervised) => {
      const { lines } = await supervised.listener.next();
      return /listening on (\S+)$/.exec(lines[1] ?? "")?.[1] ?? "";
    };
    const start = async (supervised: Supervised, end: string) => {
      const address = await addressOf(supervised);
      const { stdout } = await supervised.cli(
        address,
        "start",
        "--",
        "sh",
        "-c",
        script,
        "sh",
        end,
      );
      return stdout.trim();
    };
    const outcomeOf = async (supervised: Supervised, jobId: string) => {
      const { stdout } = await supervised.cli(await addressOf(supervised), "wait", "--json", jobId);
      const { reason, exitStatus } = JSON.parse(stdout);
      return [reason, exitStatus];
    };

    // The jobs are in no service of their own here.
    await using ending = await Supervised.start(executables);
    const { directory } = ending;
    const end = `${directory}/end`;
    const ended = await start(ending, end);
    ending.daemon.kill("SIGUSR2");
    assert.deepEqual((await ending.listener.next()).lines, [
      "STOPPING=1",
      "STATUS=Ending the jobs",
    ]);
    assert.equal((await ending.daemon.status).code, 0);
    assert.match(
      await ending.stderr(),
      /jobs cannot be handed over: .*worker-daemon-jobs\.service/,
    );
    {
      await using next = await Supervised.startIn(directory, executables);
      assert.deepEqual(await outcomeOf(next, ended), ["shutdown", { signal: "SIGKILL" }]);
    }

    await using first = await Supervised.startIn(directory, executables);
    const jobId = await start(first, end);
    // It is killed, as by the kernel when memory runs out; nobody restarts it but the test.
    first.daemon.kill("SIGKILL");
    await first.daemon.status;
    await Deno.writeTextFile(end, "");
    await using second = await Supervised.startIn(directory, executables);
    assert.deepEqual(await outcomeOf(second, jobId), ["exited", { code: 7 }]);
  });

  Deno.test("A daemon that a service manager waits for goes on trying what may pass", async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    await using supervised = await Supervised.start(executables, `--address=127.0.0.1:${port}`);
    await until(async () =>
      /Cannot start: .* the port is in use; .*; trying again/.test(await supervised.stderr())
    );
    taken.close();
    const { lines } = await supervised.listener.next();
    assert.deepEqual(lines, ["READY=1", `STATUS=listening on 127.0.0.1:${port}`]);
  });

  Deno.test("A daemon that a service manager starts ends at once for what must be mended, or when told", async () => {
    await using wrong = await Supervised.start(executables, "--key=/nonexistent");
    assert.equal((await wrong.daemon.status).code, 78);
    assert.doesNotMatch(await wrong.stderr(), /trying again/);

    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    await using told = await Supervised.start(executables, `--address=127.0.0.1:${port}`);
    await until(async () => /trying again/.test(await told.stderr()));
    told.daemon.kill("SIGTERM");
    assert.equal((await told.daemon.status).code, 0);
    const children = (await allProcesses()).filter(({ parent }) => parent === told.daemon.pid);
    assert.deepEqual(children, []);
  });
}
