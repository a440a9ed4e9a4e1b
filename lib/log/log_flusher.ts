/** How long what a running job has printed may wait until it is flushed. */
const FLUSH_AFTER_MS = 2_000;

/** What can be brought to the disk. Tells by itself whoever has to know that it could not be. */
interface Flushable {
  flush(): Promise<void>;
}

/**
 * Brings the logs of running jobs to the disk, all of those that have grown at once, so that the file
 * system does it in one go. While none grows, nothing is done.
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
        // A slow disk is given a rest, too.
        if (this.#grown.size > 0) this.#schedule();
      });
    }, FLUSH_AFTER_MS);
  }
}
