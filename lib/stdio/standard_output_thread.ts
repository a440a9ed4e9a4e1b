import type { Written } from "./standard_output_worker.ts";

/** The module of the thread: what runs it must be permitted to read it. */
const STANDARD_OUTPUT_WORKER: URL = new URL("./standard_output_worker.ts", import.meta.url);

/**
 * Writes to standard output on a thread of its own. There a small write costs microseconds, and may
 * wait; here each would cost two changes of threads.
 */
export class StandardOutputThread {
  readonly #worker = new Worker(STANDARD_OUTPUT_WORKER, { type: "module" });

  /**
   * Writes as many of the bytes as there is room for, and returns how many. One call at a time.
   *
   * @throws {Deno.errors.BrokenPipe} if nobody reads them any more
   */
  async write(bytes: Uint8Array): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<Written>();
    this.#worker.onmessage = ({ data }: MessageEvent<Written>) => resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The thread for standard output has failed: ${event.message}`));
    };
    this.#worker.postMessage(bytes);
    const { taken, fault, isBrokenPipe } = await promise;
    if (fault === null) return taken;
    throw isBrokenPipe ? new Deno.errors.BrokenPipe(fault) : new Error(fault);
  }
}
