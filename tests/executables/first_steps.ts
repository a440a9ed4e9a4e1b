import { assert } from "../assert.ts";
import { TOOL_DIRECTORIES } from "../../lib/process/tools.ts";
import { executorsIn } from "../daemon/executor_fixture.ts";
import { until } from "../worker/fixture.ts";
import type { Executables, Outcome } from "./executables.ts";

const PASSWORD = "correct horse";

/** A server and its client, set up from the executables alone. */
class Installation implements AsyncDisposable {
  readonly home: string;
  readonly address: string;
  /** `host:port` of REST. */
  readonly restAddress: string;
  readonly #executables: Executables;
  readonly #daemon: Deno.ChildProcess;

  private constructor(
    executables: Executables,
    parts: { home: string; address: string; restAddress: string; daemon: Deno.ChildProcess },
  ) {
    this.#executables = executables;
    this.home = parts.home;
    this.address = parts.address;
    this.restAddress = parts.restAddress;
    this.#daemon = parts.daemon;
  }

  /** `worker-daemon init`, its start, and the certificates to where the client finds them. */
  static async create(executables: Executables): Promise<Installation> {
    const home = await executables.makeDirectory("home-");
    const env = executables.environment(home);
    const server = `${home}/server with space`;
    const made = await executables.run(
      "worker-daemon",
      ["init", `--dir=${server}`, "--user=alice"],
      { env: { ...env, WORKER_PASSWORD: PASSWORD } },
    );
    assert.deepEqual([made.code, made.stderr], [0, ""]);
    const config = `--config=${server}/job-worker.json`;
    const checked = await executables.run("worker-daemon", [config, "--check-config"], { env });
    assert.deepEqual(checked, { code: 0, stdout: "The configuration is good\n", stderr: "" });

    const daemon = executables.start(
      "worker-daemon",
      [config, "--address=127.0.0.1:0", "--rest-address=127.0.0.1:0"],
      { env, outputs: home },
    );
    let running = true;
    daemon.status.then(() => running = false);
    const [, address = "", restAddress = ""] = await until(async () => {
      const stdout = await Deno.readTextFile(`${home}/stdout`).catch(() => "");
      assert.ok(running, await Deno.readTextFile(`${home}/stderr`).catch(() => "Not even started"));
      return /listening on (\S+)\n.*https:\/\/(\S+)\n/.exec(stdout) ?? false;
    });
    await Deno.mkdir(`${home}/.config/job-worker`, { recursive: true });
    for (const name of ["ca-cert.pem", "client-cert.pem", "client-key.pem"]) {
      await Deno.copyFile(`${server}/certs/${name}`, `${home}/.config/job-worker/${name}`);
    }
    await executables.giveAway(`${home}/.config`);
    return new Installation(executables, { home, address, restAddress, daemon });
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  /** Runs the CLI against the daemon. */
  cli(...args: string[]): Promise<Outcome> {
    const env = {
      ...this.#executables.environment(this.home),
      WORKER_ADDRESS: this.address,
      WORKER_REST_ADDRESS: this.restAddress,
      WORKER_USER: "alice",
      WORKER_PASSWORD: PASSWORD,
    };
    return this.#executables.run("worker-cli", args, { env });
  }

  /** Ends the daemon as an administrator would. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#daemon.kill("SIGTERM");
    const { code } = await this.#daemon.status;
    assert.equal(code, 0, await Deno.readTextFile(`${this.home}/stderr`));
  }
}

/** The command line of a process, of its children, and of the executors in its data directory. */
async function commandLines(pid: number, dataDirectory: string): Promise<string[][]> {
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  const pids = [
    pid,
    ...children.trim().split(" ").filter((child) => child !== ""),
    ...await executorsIn(dataDirectory),
  ];
  return await Promise.all(pids.map(async (pid) => {
    const text = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    return text.split("\0").slice(0, -1);
  }));
}

/** What a new user does, in the order of docs/install.md. */
export function testFirstSteps(executables: Executables): void {
  Deno.test("The executables set up a server with users, and a client with contexts", async () => {
    await using server = await Installation.create(executables);
    const started = await server.cli("start", "--", "true");
    assert.deepEqual([started.code, started.stderr], [0, ""]);
    const jobId = started.stdout.trim();
    assert.equal((await server.cli("wait", jobId)).code, 0);
    const completed = await server.cli("__complete", "--", "status", jobId.slice(0, 20));
    assert.match(completed.stdout, new RegExp(`^${jobId}\tdone`));

    // Passwords are compared on a thread, which is a file of its own.
    const overRest = await server.cli("--status", jobId);
    assert.deepEqual([overRest.code, overRest.stdout, overRest.stderr], [0, "done\n", ""]);

    // A context needs a permission that no other subcommand has.
    const { code, stderr } = await server.cli(
      "context",
      "add",
      "home",
      "--address",
      server.address,
    );
    assert.deepEqual([code, stderr], [0, ""]);
    const env = executables.environment(server.home);
    assert.equal((await executables.run("worker-cli", ["health"], { env })).stdout, "serving\n");
  });

  Deno.test("The daemon's processes have the permissions of the source, for this data directory", async () => {
    await using server = await Installation.create(executables);
    const data = `${server.home}/server with space/data`;
    const [engine = [], ...others] = await commandLines(server.pid, data);
    const permissions = (line: readonly string[]) =>
      line.filter((word) => word.startsWith("--allow-")).toSorted();
    assert.deepEqual(permissions(engine), [
      "--allow-env=WORKER_*,LISTEN_PID,LISTEN_FDS,JOURNAL_STREAM,NOTIFY_SOCKET,OTEL_DENO_CONSOLE",
      `--allow-net=${
        ["engine", "executor.0", "executor.1", "executor.2", "executor.3"]
          .map((name) => `unix:${data}/${name}.sock`).join(",")
      }`,
      "--allow-read",
      "--allow-run=/usr/bin/setsid",
      "--allow-sys=homedir,uid,loadavg",
      `--allow-write=${data}`,
    ]);
    const gateway = others.find((line) => line.at(-1) === "gateway") ?? [];
    assert.deepEqual(permissions(gateway).map((flag) => flag.replace(/=.*/, "")), [
      "--allow-env",
      "--allow-net",
      "--allow-read",
      "--allow-write",
    ]);
    const executor = others.find((line) => /\/executor_main\.\w+$/.test(line.at(-1) ?? "")) ?? [];
    const own = [`${data}/executor.0.sock`, `${data}/logs`, `${data}/outcomes`];
    assert.deepEqual(permissions(executor), [
      `--allow-net=unix:${data}/executor.0.sock`,
      `--allow-read=${[...TOOL_DIRECTORIES, ...own].join(",")}`,
      "--allow-run=/usr/bin/setsid",
      `--allow-write=${[...own, "/sys/fs/cgroup"].join(",")}`,
    ]);
    for (const line of [engine, gateway, executor]) assert.ok(line.includes("--no-prompt"));
    assert.ok(!permissions(gateway).includes("--allow-read"));
  });

  Deno.test("worker-daemon init writes units that are right for who is not root", async () => {
    const home = await executables.makeDirectory("home-");
    const env = executables.environment(home);
    const dir = `${home}/job-worker`;
    const args = ["init", `--dir=${dir}`, "--systemd"];
    const { code, stdout, stderr } = await executables.run("worker-daemon", args, { env });
    assert.deepEqual([code, stderr], [0, ""]);
    const [jobs, socket, service] = ["-jobs.service", ".socket", ".service"]
      .map((end) => `${dir}/worker-daemon${end}`);
    assert.ok(
      stdout.includes(`\nNext: systemctl --user enable --now ${jobs} ${socket} ${service}\n`),
    );
    assert.match(stdout, /^ +loginctl enable-linger /m);
    const unit = await Deno.readTextFile(`${service}`);
    const line = `${executables.path("worker-daemon")} --config=${dir}/job-worker.json`;
    for (
      const expected of [
        `ExecStart=${line}`,
        `ExecReload=${line} --check-config`,
        "Type=notify",
        "RestartPreventExitStatus=2 78",
        "Wants=worker-daemon.socket",
        "After=worker-daemon.socket worker-daemon-jobs.service",
        "WantedBy=default.target",
      ]
    ) assert.ok(unit.includes(`\n${expected}\n`), expected);
    // What only root may have, what is not there for a user, and what is the client's directory.
    assert.doesNotMatch(unit, /OOMScoreAdjust|StateDirectory|multi-user|network-online|As root/);
    assert.match(await Deno.readTextFile(`${socket}`), /^WantedBy=sockets.target$/m);
    const config = JSON.parse(await Deno.readTextFile(`${dir}/job-worker.json`));
    assert.deepEqual([config["data-dir"], config["job-user"]], ["data", undefined]);
  });

  Deno.test("The executables look at no deno.json, package.json or node_modules around them", async () => {
    const home = await executables.makeDirectory("home-");
    for (const name of ["deno.json", "package.json"]) {
      await Deno.writeTextFile(`${home}/${name}`, "{ broken");
    }
    const options = { env: executables.environment(home), cwd: home };
    const outcomes = await Promise.all([
      executables.run("worker-cli", ["--version"], options),
      executables.run("worker-daemon", ["init", "--dir=server"], options),
    ]);
    for (const { code, stderr } of outcomes) assert.deepEqual([code, stderr], [0, ""]);
  });

  Deno.test("The executables pass arguments on as they are", async () => {
    const env = executables.environment(await executables.makeDirectory("home-"));
    const strange = "* $(echo no) `no` 'a\nb' \\";
    const wrong = await executables.run("worker-cli", ["list", "--cert", strange], { env });
    assert.equal(wrong.code, 125);
    assert.ok(wrong.stderr.includes(`Cannot read the certificate "${strange}"`), wrong.stderr);
  });

  Deno.test("worker-cli makes certificates where it is told to, and nowhere else", async () => {
    const home = await executables.makeDirectory("home-");
    const env = executables.environment(home);
    const made = await executables.run("worker-cli", ["certs", "--dir", `${home}/c d`], { env });
    assert.deepEqual([made.code, made.stderr], [0, ""]);
    assert.equal((await Deno.stat(`${home}/c d/client-key.pem`)).isFile, true);
  });
}
