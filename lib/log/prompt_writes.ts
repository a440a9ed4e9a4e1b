/** For how long writes may take this thread in a row; then it does everything else that it has to do, for as long. */
const WORK_MS = 1;

/** A write that takes longer has waited for the disk… */
const SLOW_MS = 10;
/** …and so may the next ones: for so long they all go to another thread. */
const SLOW_FOR_MS = 2_000;

/** For nobody but us. */
const OWN_DIRECTORY = { recursive: true, mode: 0o700 };
const OWN_NEW_FILE = { write: true, createNew: true, mode: 0o600 };

/**
 * Writes to files on one disk. As a rule the operating system takes what is written at once, and to have another
 * thread do that takes several times the processor time; but writes must hold up nothing else, be it that there are
 * many of them or that the disk holds them up.
 */
export class PromptWrites {
  /** How long writes have taken since this thread last did other things for a while, in milliseconds. */
  #workedMs = 0;
  /** When the last of them had ended; `Infinity` from when one was left to another thread until the next one here. */
  #endedAt = -Infinity;
  #slowUntil = 0;

  /** @returns how many bytes were written */
  write(
    file: Pick<Deno.FsFile, "write" | "writeSync">,
    bytes: Uint8Array<ArrayBuffer>,
  ): number | Promise<number> {
    return this.#promptly(() => file.writeSync(bytes), () => file.write(bytes));
  }

  /** Makes a file, and its directory if it is not there, for nobody but us. */
  create(directory: string, path: string): Deno.FsFile | Promise<Deno.FsFile> {
    return this.#promptly(() => {
      Deno.mkdirSync(directory, OWN_DIRECTORY);
      return Deno.openSync(path, OWN_NEW_FILE);
    }, async () => {
      await Deno.mkdir(directory, OWN_DIRECTORY);
      return await Deno.open(path, OWN_NEW_FILE);
    });
  }

  #promptly<T>(here: () => T, elsewhere: () => Promise<T>): T | Promise<T> {
    const begun = performance.now();
    if (begun - this.#endedAt >= Math.max(WORK_MS, this.#workedMs)) this.#workedMs = 0;
    // All of them, until one is done: only then, or after a pause, has everything else had its turn.
    if (this.#workedMs >= WORK_MS || begun < this.#slowUntil) return this.#leave(elsewhere);
    try {
      return here();
    } finally {
      const ended = this.#endedAt = performance.now();
      this.#workedMs += ended - begun;
      if (ended - begun > SLOW_MS) this.#slowUntil = ended + SLOW_FOR_MS;
    }
  }

  /** Leaves a write to another thread. */
  async #leave<T>(elsewhere: () => Promise<T>): Promise<T> {
    this.#endedAt = Infinity;
    try {
      return await elsewhere();
    } finally {
      this.#workedMs = 0;
    }
  }
}
