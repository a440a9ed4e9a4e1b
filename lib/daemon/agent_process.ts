import { delay } from "../async/delay.ts";
import { messageOf } from "../errors.ts";
import { endOf } from "../process/child_exit.ts";
import { type AgentOptions, aliveSchema } from "./agent_protocol.ts";
import { diagnostics } from "./diagnostics.ts";
import { decodeLines } from "./gateway_protocol.ts";
import { isBusy } from "./is_busy.ts";

/** How long an agent may say nothing before it is taken for stuck, unless it is busy. */
const SILENT_WITHIN_MS = 30_000;

/** How long it has to end by itself. */
const END_WITHIN_MS = 5_000;

/** One agent, from the engine's side. It is killed when it says nothing any more. */
export class AgentProcess implements AsyncDisposable {
  /** Why it ended. Never rejects. */
  readonly ended: Promise<string>;
  readonly #setsid: string;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #over = new AbortController();
  #heardAt = performance.now();
  #fault: string | null = null;

  /**
   * @param setsid absolute path of setsid(1), which is all that the engine may run
   * @param argv the program and arguments of an agent
   */
  constructor(setsid: string, argv: readonly string[], options: AgentOptions) {
    this.#setsid = setsid;
    this.#child = new Deno.Command(setsid, {
      args: [...argv],
      // Its user may not be permitted to enter ours.
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const line = new TextEncoder().encode(`${JSON.stringify(options)}\n`);
    // If it has died, `ended` tells.
    this.#input.write(line).catch(() => {});
    this.ended = this.#run();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Ends it: by itself if it can. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    const timer = setTimeout(() => this.#kill("it did not end in time"), END_WITHIN_MS);
    await this.ended;
    clearTimeout(timer);
  }

  #kill(why: string): void {
    this.#fault ??= why;
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended already; `ended` may not know yet.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  async #run(): Promise<string> {
    const watched = this.#watch();
    try {
      for await (const _ of decodeLines(this.#child.stdout, aliveSchema)) {
        this.#heardAt = performance.now();
      }
    } catch (error) {
      this.#kill(`it sent an invalid message (${messageOf(error)})`);
    }
    const end = await endOf(this.#child);
    this.#over.abort();
    await watched;
    await this.#input.abort().catch(() => {});
    return this.#fault ?? end;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over;
    try {
      for (;;) {
        await delay(SILENT_WITHIN_MS, { signal });
        if (performance.now() - this.#heardAt < SILENT_WITHIN_MS) continue;
        const isSlow = await isBusy(this.pid, { setsid: this.#setsid, signal }).catch(() => false);
        if (!isSlow && !signal.aborted) this.#kill("it does not say that it lives");
      }
    } catch (error) {
      if (!signal.aborted) {
        diagnostics.error("Agent {pid}: {why}", { pid: this.pid, why: messageOf(error) });
      }
    }
  }
}
