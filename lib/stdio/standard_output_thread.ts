/** The module of the thread. The process needs permission to read it. */
const STANDARD_OUTPUT_WORKER: URL = new URL("./standard_output_worker.ts", import.meta.url);

/** The result of a write. */
export interface Written {
  readonly taken: number;
  /** Why it failed, or `null`. */
  readonly fault: string | null;
  readonly isBrokenPipe: boolean;
}

/**
 * Writes to standard output on a thread of its own. There a small write costs microseconds and may
 * block; here each one would switch threads twice.
 */
export class StandardOutputThread {
  readonly #worker = new Worker(STANDARD_OUTPUT_WORKER, { type: "module" });

  /**
   * Writes as many of the bytes as there is room for, and returns how many. Only one call at a time.
   *
   * @throws {Deno.errors.BrokenPipe} if the reader has gone
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
