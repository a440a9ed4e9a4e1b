import { endOf } from "../process/child_exit.ts";

/** A process of this program in another role, from the engine's side: what it says are lines, and so is what it is told. */
export class RoleProcess {
  /** What it prints. */
  readonly output: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  /** Why we killed it. */
  #fault: string | null = null;

  /**
   * @param setsid absolute path of setsid(1), which is all that the engine is permitted to run. Of it the process has
   * a session of its own, because Ctrl-C in the daemon's terminal is for the engine to handle
   * @param argv the program and arguments
   */
  constructor(setsid: string, argv: readonly string[]) {
    this.#child = new Deno.Command(setsid, {
      args: [...argv],
      // Its user may not be permitted to enter ours.
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.output = this.#child.stdout;
    this.#input = this.#child.stdin.getWriter();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Tells it something. If it has died, {@linkcode end} says so. */
  tell(line: Uint8Array<ArrayBuffer>): void {
    this.#input.write(line).catch(() => {});
  }

  /** Tells it that nothing more comes. */
  async closeInput(): Promise<void> {
    await this.#input.close().catch(() => {});
  }

  /** Ends it by SIGKILL, which works even on a stopped process. */
  kill(why: string): void {
    this.#fault ??= why;
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended already; whoever waits for that may not know yet.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Waits for its end, and says why it came. Never rejects. */
  async end(): Promise<string> {
    const end = await endOf(this.#child);
    await this.#input.abort().catch(() => {});
    return this.#fault ?? end;
  }
}
