import { TestProcess } from "../../tests/end_to_end/process.ts";
import { freePort } from "../../tests/free_port.ts";
import { AS_ROOT, programLine } from "../../tests/programs.ts";
import { type DemoStage, print, show } from "./stage.ts";

/** A hub or a host of the demo, in a directory of its own. */
export class FleetDaemon implements AsyncDisposable {
  readonly #stage: DemoStage;
  readonly #name: string;
  readonly #permissions: readonly string[];
  readonly address = `127.0.0.1:${freePort()}`;
  #process: TestProcess | null = null;

  /**
   * @param name also of its directory, below that of the demo
   * @param permissions flags of deno beyond those of the task
   */
  constructor(stage: DemoStage, name: string, permissions: readonly string[] = []) {
    this.#stage = stage;
    this.#name = name;
    this.#permissions = permissions;
  }

  /** Starts it, and waits until it listens. */
  async start(): Promise<void> {
    const directory = `${this.#stage.directory}/${this.#name}`;
    const args = ["--config=job-worker.json", `--address=${this.address}`, ...AS_ROOT];
    show(["worker-daemon", ...args], this.#name);
    const program = programLine("worker-daemon", directory, this.#permissions);
    await using starting = new AsyncDisposableStack();
    // Ctrl-C is for the demo, which ends it in its turn.
    const process = starting.use(
      new TestProcess(["setsid", ...program, ...args], {
        cwd: directory,
        env: { WORKER_DAEMON_REST_ADDRESS: "off" },
      }),
    );
    await process.seen(/listening on \S+\n/);
    starting.move();
    this.#process = process;
  }

  /** Waits until its diagnostics are like this, and shows the last group, or all that matches. */
  async says(pattern: RegExp): Promise<void> {
    const said = await this.#process?.seenOnStderr(pattern);
    print(`${this.#name}: ${said?.at(-1)}`);
  }

  /** Kills its agent, the process that is connected to NATS. */
  async killAgent(): Promise<void> {
    const pid = this.#process?.pid;
    const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
    for (const child of children.trim().split(" ")) {
      const line = await Deno.readTextFile(`/proc/${child}/cmdline`);
      if (line.endsWith("\0agent\0")) kill(Number(child), `the agent of ${this.#name}`);
    }
  }

  /** Kills it as a crash does: what it runs goes on. */
  async kill(): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    this.#process = null;
    kill(process.pid, this.#name);
    await process.finished();
  }

  /** Ends it, and all that it runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Only a daemon ends the jobs of the one before.
    if (this.#process === null) await this.start();
    await using process = this.#process;
    process?.kill("SIGTERM");
    const ended = await process?.finished();
    print(`${this.#name}: exit status ${ended?.code}`);
  }
}

function kill(pid: number, what: string): void {
  print(`$ kill -KILL ${pid}    # ${what}`);
  Deno.kill(pid, "SIGKILL");
}
