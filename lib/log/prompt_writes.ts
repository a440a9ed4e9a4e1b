/** For how long writes may take this thread in a row; then it does everything else that it has to do. */
const WORK_MS = 1;

/** A write that takes longer has waited for the disk… */
const SLOW_MS = 10;
/** …and so may the next ones: for so long they all go to another thread. */
const SLOW_FOR_MS = 2_000;

/**
 * Writes to files on one disk. As a rule the operating system takes what is written at once, and to have another
 * thread do that takes several times the processor time; but writes must hold up nothing else, be it that there are
 * many of them or that the disk holds them up.
 */
export class PromptWrites {
  /** How long writes have taken since this thread last waited for one, in milliseconds. */
  #workedMs = 0;
  #slowUntil = 0;

  /** @returns how many bytes were written */
  write(
    file: Pick<Deno.FsFile, "write" | "writeSync">,
    bytes: Uint8Array<ArrayBuffer>,
  ): number | Promise<number> {
    const begun = performance.now();
    // All of them, until one is done: only then has everything else had its turn.
    if (this.#workedMs >= WORK_MS || begun < this.#slowUntil) return this.#leave(file, bytes);
    const written = file.writeSync(bytes);
    const ended = performance.now();
    this.#workedMs += ended - begun;
    if (ended - begun > SLOW_MS) this.#slowUntil = ended + SLOW_FOR_MS;
    return written;
  }

  /** Leaves a write to another thread. */
  async #leave(file: Pick<Deno.FsFile, "write">, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    try {
      return await file.write(bytes);
    } finally {
      this.#workedMs = 0;
    }
  }
}
