import { connectionsOf } from "../net/connections.ts";

/**
 * The socket of an executor. It is made again when it is removed while it is wanted: whoever cleans up does not know
 * that the jobs depend on it, and the next engine would take them for lost.
 */
export class ExecutorSocket {
  readonly #path: string;
  readonly #isWanted: () => boolean;
  #listener: Deno.UnixListener;
  /** What is at its path if it is ours. */
  #own: Deno.FileInfo;
  #watcher: Disposable | null = null;
  /** Settles when a connection has come, or the listener has been closed. */
  #accepting: Promise<unknown> | null = null;
  #restoring: Promise<boolean> = Promise.resolve(false);
  #isClosed = false;

  private constructor(
    path: string,
    isWanted: () => boolean,
    made: { readonly listener: Deno.UnixListener; readonly own: Deno.FileInfo },
  ) {
    this.#path = path;
    this.#isWanted = isWanted;
    this.#listener = made.listener;
    this.#own = made.own;
    void this.#watch();
  }

  /** @param isWanted whether an engine uses it, or will ask for it */
  static async listen(path: string, isWanted: () => boolean): Promise<ExecutorSocket> {
    const listener = Deno.listen({ transport: "unix", path });
    return new ExecutorSocket(path, isWanted, { listener, own: await protect(path) });
  }

  /** The connections, until it is closed. See {@linkcode connectionsOf}. */
  async *connections(spare: string): AsyncGenerator<Deno.UnixConn, void, undefined> {
    let listener: Deno.UnixListener;
    do {
      listener = this.#listener;
      const connections = connectionsOf(listener, spare);
      for (;;) {
        const next = connections.next();
        this.#accepting = next;
        const { value } = await next;
        this.#accepting = null;
        if (value === undefined) break;
        yield value;
      }
      await this.#restoring;
    } while (listener !== this.#listener);
  }

  /**
   * Closes it, unless another is in its place: closing removes what is at its path, which is another executor's
   * socket if that took us for dead.
   *
   * @returns whether it is closed; otherwise it ends with this process
   */
  async close(): Promise<boolean> {
    this.#isClosed = true;
    this.#watcher?.[Symbol.dispose]();
    if (!await this.#isOurs()) return false;
    this.#listener.close();
    return true;
  }

  async #watch(): Promise<void> {
    do {
      try {
        await this.#removed();
      } catch (error) {
        // There are too many watches already: then it stays as it is. Or it was gone before it could be watched.
        if (!(error instanceof Deno.errors.NotFound)) return;
      }
      this.#restoring = this.#restore().catch(() => false);
    } while (await this.#restoring);
  }

  /** Waits until something else is at its path, or nothing. */
  async #removed(): Promise<void> {
    using watcher = Deno.watchFs(this.#path);
    this.#watcher = watcher;
    // It may have gone just before.
    if (!await this.#isOurs()) return;
    for await (const _event of watcher) {
      if (!await this.#isOurs()) return;
    }
  }

  /** @returns whether it was made again; there may be no directory for it any more */
  async #restore(): Promise<boolean> {
    // What is in its place is another executor's, or somebody has put it there on purpose.
    const isFree = await Deno.lstat(this.#path).then(() => false, () => true);
    if (!isFree || this.#isClosed || !this.#isWanted()) return false;
    this.#listener.close();
    // Until then it is open, and removes what is at its path when it is not any more.
    await this.#accepting;
    if (this.#isClosed) return false;
    this.#listener = Deno.listen({ transport: "unix", path: this.#path });
    try {
      this.#own = await protect(this.#path);
    } catch (error) {
      // It was removed again at once, which is found when it is to be watched.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return true;
  }

  /** Whether there is still the same file. Inodes are used again. */
  async #isOurs(): Promise<boolean> {
    const there = await Deno.lstat(this.#path).catch(() => null);
    const { dev, ino, mtime } = this.#own;
    return there?.dev === dev && there.ino === ino && there.mtime?.getTime() === mtime?.getTime();
  }
}

/** Keeps others out, and tells what is at the path. */
async function protect(path: string): Promise<Deno.FileInfo> {
  await Deno.chmod(path, 0o600);
  return await Deno.lstat(path);
}
