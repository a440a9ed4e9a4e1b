import { delay } from "../async/delay.ts";
import { messageOf } from "../errors.ts";
import { type AgentOptions, ALIVE_EVERY_MS, aliveSchema } from "./agent_protocol.ts";
import { diagnostics } from "./diagnostics.ts";
import { decodeLines } from "./gateway_protocol.ts";
import { isBusy } from "./is_busy.ts";
import { RoleProcess } from "./role_process.ts";

/** How long an agent may say nothing before it is taken for stuck, unless it is busy. */
const SILENT_WITHIN_MS = 30_000;

/** Within this time it says so several times. */
const HEARD_WITHIN_MS = 3 * ALIVE_EVERY_MS;

/** How long it has to end by itself. */
const END_WITHIN_MS = 5_000;

/** One agent, from the engine's side. It is killed when it says nothing any more. */
export class AgentProcess implements AsyncDisposable {
  /** Why it ended. Never rejects. */
  readonly ended: Promise<string>;
  readonly #setsid: string;
  readonly #process: RoleProcess;
  readonly #over = new AbortController();
  #heardAt = performance.now();

  /**
   * @param setsid absolute path of setsid(1), which is all that the engine may run
   * @param argv the program and arguments of an agent
   */
  constructor(setsid: string, argv: readonly string[], options: AgentOptions) {
    this.#setsid = setsid;
    this.#process = new RoleProcess(setsid, argv);
    this.#process.tell(new TextEncoder().encode(`${JSON.stringify(options)}\n`));
    this.ended = this.#run();
  }

  /** Whether it has said lately that it lives. */
  get isHeard(): boolean {
    return performance.now() - this.#heardAt < HEARD_WITHIN_MS;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Ends it: by itself if it can. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.closeInput();
    const timer = setTimeout(() => this.#process.kill("it did not end in time"), END_WITHIN_MS);
    await this.ended;
    clearTimeout(timer);
  }

  async #run(): Promise<string> {
    const watched = this.#watch();
    try {
      for await (const _ of decodeLines(this.#process.output, aliveSchema)) {
        this.#heardAt = performance.now();
      }
    } catch (error) {
      this.#process.kill(`it sent an invalid message (${messageOf(error)})`);
    }
    const why = await this.#process.end();
    this.#over.abort();
    await watched;
    return why;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over;
    try {
      for (;;) {
        await delay(SILENT_WITHIN_MS, { signal });
        if (performance.now() - this.#heardAt < SILENT_WITHIN_MS) continue;
        const isSlow = await isBusy(this.pid, { setsid: this.#setsid, signal }).catch(() => false);
        if (!isSlow && !signal.aborted) this.#process.kill("it does not say that it lives");
      }
    } catch (error) {
      if (!signal.aborted) {
        diagnostics.error("Agent {pid}: {why}", { pid: this.pid, why: messageOf(error) });
      }
    }
  }
}
