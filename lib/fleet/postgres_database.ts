import postgres, { type Sql } from "postgres";
import { Batcher } from "../async/batcher.ts";
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError } from "../errors.ts";
import type { DatabaseUrl } from "../net/database_url.ts";
import { isAnswer, registryError } from "./postgres_errors.ts";
import { CHANNEL, readNotice, Transaction } from "./postgres_transaction.ts";
import type { Notice } from "./registry.ts";

/** How many connections a hub has, beside the one by which it is told what others do. */
const CONNECTIONS = 4;

/** The lock under which hubs write, one after the other; any number that nobody else uses there. */
const WRITERS = 0x6a6f6277;

/** For how long a hub may hold up the others without doing anything, in milliseconds. */
const IDLE_MS = 10_000;

/** How long one statement may take, including the wait for other hubs, in milliseconds. */
const STATEMENT_MS = 30_000;

/** The pauses before the server is asked again what has come of a transaction. */
const RETRY_MS = { first: 100, last: 5_000 };

/** How to connect, and who is told what. */
export interface PostgresOptions {
  readonly url: DatabaseUrl;
  readonly password: string;
  /** The certificate of the CA that counts, in PEM; `""`: those that the system trusts. */
  readonly rootCert: string;
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
  readonly #sql: Sql;
  readonly #closing = new AbortController();
  readonly #batches = new Batcher<Act, void>((acts) => this.#commit(acts));

  constructor(options: PostgresOptions) {
    this.#options = options;
    const { url: { host, port, database, user }, password } = options;
    this.#sql = postgres({
      ...{ host, port, database, user, password, max: CONNECTIONS },
      ssl: tlsOf(options),
      connect_timeout: 5,
      // In seconds. By default a server that was away for long is looked for every 20.
      backoff: (attempt: number) => Math.min(2 ** attempt / 50, 1),
      keep_alive: 10,
      onnotice: () => {},
      connection: {
        application_name: this.hub,
        idle_in_transaction_session_timeout: IDLE_MS,
        statement_timeout: STATEMENT_MS,
        // So that the server sees soon that a hub is gone whose machine is.
        tcp_keepalives_idle: 10,
        tcp_keepalives_interval: 5,
        tcp_keepalives_count: 3,
      },
    });
  }

  /** Asks, outside of any transaction. @throws `unavailable` if the server is away */
  async read<T>(ask: (sql: Sql) => Promise<T>): Promise<T> {
    try {
      return await ask(this.#sql);
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
      // If it is the connection that has failed, the others have failed, too.
      if (done.status === "rejected" && isLost(done.reason)) throw done.reason;
      tell = () => {
        if (done.status === "fulfilled") return done.value;
        throw registryError(this.#options.url, done.reason);
      };
    });
    return tell();
  }

  /** Makes the database what it has to be, before anything else. */
  async setUp(act: (transaction: Transaction) => Promise<void>): Promise<void> {
    try {
      await this.#locked(act);
      await this.#listen();
    } catch (error) {
      throw registryError(this.#options.url, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new JobWorkerError("unavailable", "The hub is shutting down"));
    // Nobody asks any more, and a connection that was broken never ends by itself.
    await this.#sql.end({ timeout: 1 });
  }

  async #listen(): Promise<void> {
    let isFirst = true;
    await this.#sql.listen(CHANNEL, (text) => {
      const notice = readNotice(text);
      if (notice !== null && notice.hub !== this.hub) this.#options.onNotice(notice);
    }, () => {
      if (!isFirst) this.#options.onMissed();
      isFirst = false;
    });
  }

  async #locked<T>(act: (transaction: Transaction) => Promise<T>): Promise<void> {
    await this.#sql.begin(async (sql) => {
      await sql`SELECT pg_advisory_xact_lock(${WRITERS})`;
      const transaction = new Transaction(sql, this.hub);
      await act(transaction);
      await transaction.notify();
    });
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
      if (!isDone || isAnswer(error) || !await this.#hasCommitted(batch)) {
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
          [last] = await sql`SELECT batch FROM hubs WHERE name = ${this.hub}`;
        });
        return (last as { batch?: string } | undefined)?.batch === batch;
      } catch {
        await delay(nextPause(), { signal });
      }
    }
  }
}

/** Whether an error is one of the connection, and not of what was asked. */
function isLost(error: unknown): boolean {
  return !(error instanceof JobWorkerError) && !isAnswer(error);
}

function tlsOf({ url: { tls }, rootCert }: PostgresOptions) {
  const ca = rootCert === "" ? {} : { ca: rootCert };
  switch (tls) {
    case "disable":
      return false;
    case "require":
      return { ...ca, rejectUnauthorized: rootCert !== "" };
    case "verify-full":
      return { ...ca, rejectUnauthorized: true };
  }
}
