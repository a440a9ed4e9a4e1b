import { formatByteSize } from "../text/byte_size.ts";
import { messageOf } from "../errors.ts";
import type { Retention, Worker } from "../worker/mod.ts";
import { diagnostics } from "./diagnostics.ts";

/** Jobs that end shortly after one another are handled together. */
const AFTER_AN_END_MS = 10_000;
/** Jobs grow old even while none ends. */
const AT_LEAST_EVERY_MS = 3_600_000;

/** Prunes the finished jobs that the retention does not cover, some time after others have ended. */
export class Housekeeping implements AsyncDisposable {
  readonly #worker: Pick<Worker, "prune">;
  readonly #retention: Retention;
  #running: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAt = Infinity;

  constructor(worker: Pick<Worker, "prune">, retention: Retention) {
    this.#worker = worker;
    this.#retention = retention;
    this.#schedule(AFTER_AN_END_MS);
  }

  /** Takes note that a job has ended. */
  jobEnded(): void {
    this.#schedule(AFTER_AN_END_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#dueAt = -Infinity;
    await this.#running;
  }

  #schedule(afterMs: number): void {
    const dueAt = performance.now() + afterMs;
    if (dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.#dueAt = Infinity;
      this.#running = this.#running.then(() => this.#prune());
      this.#schedule(AT_LEAST_EVERY_MS);
    }, afterMs);
  }

  async #prune(): Promise<void> {
    try {
      const { count, bytes } = await this.#worker.prune({ retention: this.#retention });
      if (count === 0) return;
      const size = formatByteSize(bytes);
      diagnostics.info("Pruned {count} jobs, {size} of logs", { count, size });
    } catch (error) {
      diagnostics.error("Cannot prune jobs: {why}", { why: messageOf(error) });
    }
  }
}
