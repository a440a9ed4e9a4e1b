import type { Readable } from "node:stream";

/**
 * Standard input. If another program has set `O_NONBLOCK` on it, a read that would have to wait fails
 * instead; from then on we read it through a stream of Node, which waits.
 */
export class StandardInput {
  #waiting: AsyncIterator<Uint8Array> | null = null;
  /** What was received, but did not fit into the buffer of the caller. */
  #rest: Uint8Array = new Uint8Array();

  isTerminal(): boolean {
    return Deno.stdin.isTerminal();
  }

  setRaw(mode: boolean, options?: Deno.SetRawOptions): void {
    Deno.stdin.setRaw(mode, options);
  }

  /** Reads some bytes into a buffer, and returns how many; `null` at the end. */
  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#waiting === null) {
      try {
        return await Deno.stdin.read(buffer);
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
        const { stdin } = (await import("node:process")).default;
        this.#waiting = (stdin as Readable)[Symbol.asyncIterator]();
      }
    }
    if (this.#rest.length === 0) {
      const next = await this.#waiting.next();
      if (next.done) return null;
      this.#rest = next.value;
    }
    const taken = this.#rest.subarray(0, buffer.length);
    buffer.set(taken);
    this.#rest = this.#rest.subarray(taken.length);
    return taken.length;
  }
}
