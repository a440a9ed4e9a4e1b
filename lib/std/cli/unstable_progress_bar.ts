/**
 * Stands in for `@std/cli/unstable-progress-bar`, which the build machines cannot fetch, see `docs/packages.md`. Only
 * bars with words of their own (`formatter`) are here.
 *
 * @module
 */

/** What the words of a {@linkcode ProgressBar} can be made of. */
export interface ProgressBarFormatter {
  /** Milliseconds since the bar was made. */
  time: number;
  value: number;
  max: number;
}

/** Options of {@linkcode ProgressBar}. */
export interface ProgressBarOptions {
  /** Where to draw; standard error by default. */
  writable?: WritableStream<Uint8Array>;
  /** What is done already; 0 by default. */
  value?: number;
  /** What there is to do. */
  max: number;
  /** Removes the bar at the end, instead of leaving its last state. */
  clear?: boolean;
  /** Returns what to draw, in one line. */
  formatter: (formatter: ProgressBarFormatter) => string;
  /** Leaves `writable` open at the end; true by default. */
  keepOpen?: boolean;
  /** Milliseconds between changes; 1000 by default. */
  refreshMilliseconds?: number;
}

const CLEAR_LINE = "\r\x1b[K";

/**
 * A line on a terminal that is drawn at once, and again and again until {@linkcode ProgressBar.stop}. It does not fail
 * if it cannot be drawn.
 *
 * @example
 * ```ts
 * import { ProgressBar } from "@std/cli/unstable-progress-bar";
 *
 * const bar = new ProgressBar({ max: 2, clear: true, formatter: (it) => `${it.value} of ${it.max}` });
 * bar.value += 1;
 * await bar.stop();
 * ```
 */
export class ProgressBar {
  /** What is done. */
  value: number;
  /** What there is to do. */
  max: number;
  readonly #formatter: (formatter: ProgressBarFormatter) => string;
  readonly #clear: boolean;
  readonly #keepOpen: boolean;
  readonly #startedAt = Date.now();
  readonly #encoder = new TextEncoder();
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: ProgressBarOptions) {
    const { writable = Deno.stderr.writable, value = 0, max, formatter } = options;
    const { clear = false, keepOpen = true, refreshMilliseconds = 1_000 } = options;
    this.value = value;
    this.max = max;
    this.#formatter = formatter;
    this.#clear = clear;
    this.#keepOpen = keepOpen;
    this.#writer = writable.getWriter();
    this.#timer = setInterval(() => void this.#draw(), refreshMilliseconds);
    void this.#draw();
  }

  /** Draws the last state, or removes the line, and waits until that is written. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#clear) await this.#write(CLEAR_LINE);
    else {
      await this.#draw();
      await this.#write("\n");
    }
    if (this.#keepOpen) this.#writer.releaseLock();
    else await this.#writer.close().catch(() => {});
  }

  #draw(): Promise<void> {
    const { value, max } = this;
    const time = Date.now() - this.#startedAt;
    return this.#write(CLEAR_LINE + this.#formatter({ time, value, max }));
  }

  /** Nobody may see the line any more, which is no reason to fail what it tells of. */
  async #write(text: string): Promise<void> {
    await this.#writer.write(this.#encoder.encode(text)).catch(() => {});
  }
}
