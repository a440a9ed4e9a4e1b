import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setImmediate } from "node:timers";

interface Waiting {
  /** @returns what tells of it, once it is on the disk */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

/** Where a transaction begins and ends, or a part of one. */
interface Bounds {
  readonly begin: StatementSync;
  readonly end: StatementSync;
  readonly undo: StatementSync;
}

/** The transactions of a database that only this process has open: each does all of something, or nothing of it. */
export class Transactions implements Disposable {
  readonly #database: DatabaseSync;
  readonly #onUndone: () => void;
  readonly #whole: Bounds;
  readonly #part: Bounds;
  #waiting: Waiting[] = [];

  /** @param onUndone called when one has been undone, for what is known of it beside the database */
  constructor(database: DatabaseSync, onUndone: () => void) {
    this.#database = database;
    this.#onUndone = onUndone;
    const bounds = (...[begin, end, undo]: readonly [string, string, string]): Bounds => ({
      begin: database.prepare(begin),
      end: database.prepare(end),
      undo: database.prepare(undo),
    });
    this.#whole = bounds("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK");
    this.#part = bounds("SAVEPOINT act", "RELEASE act", "ROLLBACK TO act");
  }

  /** Does it at once. What it has done is on the disk when this returns. */
  run<T>(act: () => T): T {
    return this.#within(this.#whole, act);
  }

  /**
   * Does it at the end of this turn of the event loop, and flushes it to the disk together with all others that come
   * in the turn. None of them sees or loses anything by another that fails.
   */
  share<T>(act: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#waiting.length === 0) setImmediate(() => this.#runShared());
    const run = () => {
      try {
        const result = this.#within(this.#part, act);
        return () => resolve(result);
      } catch (error) {
        // Some errors, such as a full disk, have undone those before it, too.
        if (!this.#database.isTransaction) throw error;
        return () => reject(error);
      }
    };
    this.#waiting.push({ run, reject });
    return promise;
  }

  /** Does what has come in this turn. */
  [Symbol.dispose](): void {
    this.#runShared();
  }

  #runShared(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    try {
      for (const tell of this.run(() => waiting.map(({ run }) => run()))) tell();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  #within<T>({ begin, end, undo }: Bounds, act: () => T): T {
    begin.run();
    try {
      const result = act();
      end.run();
      return result;
    } catch (error) {
      if (this.#database.isTransaction) undo.run();
      this.#onUndone();
      throw error;
    }
  }
}
