/** Every so many writes, one goes to a thread, so that everything else in this process has its turn meanwhile. */
const TURN_AFTER_WRITES = 4;

/** A write that takes longer has waited for the disk… */
const SLOW_MS = 10;
/** …and so may the next ones: for so long they all go to a thread. */
const SLOW_FOR_MS = 2_000;

/**
 * Writes to files on one disk. As a rule the operating system takes what is written at once, and to have a thread do
 * that takes twice the processor time; but while the disk holds up writes, these must hold up nothing else.
 */
export class PromptWrites {
  #writes = 0;
  #slowUntil = 0;

  /** @returns how many bytes were written */
  write(
    file: Pick<Deno.FsFile, "write" | "writeSync">,
    bytes: Uint8Array<ArrayBuffer>,
  ): number | Promise<number> {
    const begun = performance.now();
    this.#writes++;
    if (begun < this.#slowUntil || this.#writes % TURN_AFTER_WRITES === 0) return file.write(bytes);
    const written = file.writeSync(bytes);
    const ended = performance.now();
    if (ended - begun > SLOW_MS) this.#slowUntil = ended + SLOW_FOR_MS;
    return written;
  }
}
