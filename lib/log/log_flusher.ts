/** How long the output of a running job may wait to be flushed. */
const FLUSH_AFTER_MS = 2_000;

/** Something that can be flushed. It reports a failure by itself to whoever has to know. */
interface Flushable {
  flush(): Promise<void>;
}

/**
 * Flushes the logs of running jobs, all that have grown together, so that the file system can do it in one
 * go. It does nothing while no log grows.
 */
export class LogFlusher implements AsyncDisposable {
  readonly #grown = new Set<Flushable>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #flushing: Promise<unknown> | null = null;

  /** Takes note of a log that has grown. */
  add(log: Flushable): void {
    this.#grown.add(log);
    if (this.#flushing === null) this.#schedule();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#flushing;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const logs = [...this.#grown];
      this.#grown.clear();
      this.#flushing = Promise.allSettled(logs.map((log) => log.flush())).then(() => {
        this.#flushing = null;
        // Not at once, so that a slow disk gets a rest.
        if (this.#grown.size > 0) this.#schedule();
      });
    }, FLUSH_AFTER_MS);
  }
}
