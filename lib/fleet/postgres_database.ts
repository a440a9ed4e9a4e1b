import type { Sql } from "postgres";
import { abortable } from "../async/abortable.ts";
import { Batcher } from "../async/batcher.ts";
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError } from "../errors.ts";
import { type ConnectOptions, PostgresConnection } from "./postgres_connection.ts";
import { isLost, registryError } from "./postgres_errors.ts";
import { CHANNEL, readNotice, Transaction } from "./postgres_transaction.ts";
import type { Notice } from "./registry.ts";

/** How many things a hub may ask at once. */
const READERS = 4;

/** The lock under which hubs write, one after the other; any number that nobody else uses there. */
const WRITERS = 0x6a6f6277;

/** The pauses before a server that is away is asked again. */
const RETRY_MS = { first: 50, last: 1_000 };

/** How to connect, and who is told what. */
export interface PostgresOptions extends ConnectOptions {
  /** Told of what other hubs have changed. */
  readonly onNotice: (notice: Notice) => void;
  /** Told when notices may have been missed. */
  readonly onMissed: () => void;
}

/** What is to be done in a transaction with others. */
type Act = (transaction: Transaction) => Promise<void>;

/**
 * A database that several hubs share. What they write they write one after the other, so that none of them sees a free
 * slot, or a turn, that another is about to take; what one hub has to write meanwhile shares the next commit.
 */
export class PostgresDatabase implements AsyncDisposable {
  /** Tells this process from all others, also from those before it. It is the name of each of its connections. */
  readonly hub: string = `job-worker hub ${crypto.randomUUID()}`;
  readonly #options: PostgresOptions;
  readonly #closing = new AbortController();
  readonly #batches = new Batcher<Act, void>((acts) => this.#commit(acts));
  /** Connections that were lost, until they have ended. */
  readonly #ending = new Set<Promise<void>>();
  #reader: PostgresConnection;
  #writer: PostgresConnection;
  #listening: Promise<void> = Promise.resolve();

  constructor(options: PostgresOptions) {
    this.#options = options;
    this.#reader = this.#connect(READERS);
    this.#writer = this.#connect(1);
  }

  /** Asks, outside of any transaction. @throws `unavailable` if the server is away */
  async read<T>(ask: (sql: Sql) => Promise<T>): Promise<T> {
    if (this.#reader.isLost) this.#reader = this.#replace(this.#reader, READERS);
    try {
      return await this.#reader.answered(ask(this.#reader.sql));
    } catch (error) {
      throw registryError(this.#options.url, error);
    }
  }

  /** Asks and writes in one transaction. What it has done is on the disk when the promise is fulfilled. */
  async write<T>(act: (transaction: Transaction) => Promise<T>): Promise<T> {
    let tell: () => T = () => {
      throw new Error("It was not done");
    };
    await this.#batches.add(async (transaction) => {
      const [done] = await Promise.allSettled([transaction.part(act)]);
      // Then all others have failed, too.
      if (done.status === "rejected" && isLost(done.reason)) throw done.reason;
      tell = () => {
        if (done.status === "fulfilled") return done.value;
        throw registryError(this.#options.url, done.reason);
      };
    });
    return tell();
  }

  /** Makes the database what it has to be, before anything else, and listens to other hubs from then on. */
  async setUp(act: (transaction: Transaction) => Promise<void>): Promise<void> {
    try {
      await this.#locked(act);
      const listener = await this.#listen();
      this.#listening = this.#keepListening(listener);
    } catch (error) {
      throw registryError(this.#options.url, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new JobWorkerError("unavailable", "The hub is shutting down"));
    await this.#listening;
    await Promise.all([
      this.#reader[Symbol.asyncDispose](),
      this.#writer[Symbol.asyncDispose](),
      ...this.#ending,
    ]);
  }

  #connect(count: number): PostgresConnection {
    return new PostgresConnection({
      ...{ ...this.#options, name: this.hub, count },
      onNotify: (text) => {
        const notice = readNotice(text);
        if (notice !== null && notice.hub !== this.hub) this.#options.onNotice(notice);
      },
    });
  }

  #replace(lost: PostgresConnection, count: number): PostgresConnection {
    const ending = lost[Symbol.asyncDispose]().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return this.#connect(count);
  }

  async #listen(): Promise<PostgresConnection> {
    const listener = this.#connect(1);
    try {
      await listener.sql`LISTEN ${listener.sql(CHANNEL)}`;
      return listener;
    } catch (error) {
      await listener[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #keepListening(listener: PostgresConnection): Promise<void> {
    const { signal } = this.#closing;
    let nextPause = doubling(RETRY_MS);
    let current: PostgresConnection | null = listener;
    while (!signal.aborted) {
      await abortable(current?.lost ?? delay(nextPause(), { signal }), signal).catch(() => {});
      await current?.[Symbol.asyncDispose]();
      current = signal.aborted ? null : await this.#listen().catch(() => null);
      if (current === null) continue;
      nextPause = doubling(RETRY_MS);
      this.#options.onMissed();
    }
    await current?.[Symbol.asyncDispose]();
  }

  async #locked(act: Act): Promise<void> {
    if (this.#writer.isLost) this.#writer = this.#replace(this.#writer, 1);
    await this.#writer.answered(inTransaction(new Transaction(this.#writer, this.hub), act));
  }

  async #commit(acts: readonly Act[]): Promise<void> {
    const batch = crypto.randomUUID();
    let isDone = false;
    try {
      await this.#locked(async (transaction) => {
        for (const act of acts) await act(transaction);
        await transaction.sql`
          INSERT INTO hubs (name, batch, written_at) VALUES (${this.hub}, ${batch}, now())
          ON CONFLICT (name) DO UPDATE SET batch = excluded.batch, written_at = excluded.written_at`;
        isDone = true;
      });
    } catch (error) {
      if (!isDone || !isLost(error) || !await this.#hasCommitted(batch)) {
        throw registryError(this.#options.url, error);
      }
    }
  }

  /** What has come of a transaction whose commit was not answered: nobody may take it for done, or not, by guess. */
  async #hasCommitted(batch: string): Promise<boolean> {
    const { signal } = this.#closing;
    const nextPause = doubling(RETRY_MS);
    for (;;) {
      signal.throwIfAborted();
      try {
        let last: unknown;
        // Under the lock, so that it is over.
        await this.#locked(async ({ sql }) => {
          const [row] = await sql`SELECT batch FROM hubs WHERE name = ${this.hub}`;
          last = row?.batch;
        });
        return last === batch;
      } catch {
        await delay(nextPause(), { signal });
      }
    }
  }
}

async function inTransaction(transaction: Transaction, act: Act): Promise<void> {
  await transaction.sql`BEGIN`;
  try {
    await transaction.sql`SELECT pg_advisory_xact_lock(${WRITERS})`;
    await act(transaction);
    await transaction.notify();
    await transaction.sql`COMMIT`;
  } catch (error) {
    if (!isLost(error)) await transaction.sql`ROLLBACK`;
    throw error;
  }
}
