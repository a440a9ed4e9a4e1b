import postgres, { type Sql } from "postgres";
import { delay } from "../async/delay.ts";
import type { DatabaseUrl } from "../net/database_url.ts";
import { isLost, lostError } from "./postgres_errors.ts";

/**
 * For how long a hub may hold up the others without doing anything, in milliseconds: one that is suspended in the middle
 * of a transaction does.
 */
const IDLE_MS = 5_000;

/** How long one statement may take, including the wait for other hubs, in milliseconds. */
const STATEMENT_MS = 30_000;

/** How long something may take that consists of several statements, in milliseconds. */
const LATE_MS = 60_000;

/** How long what is under way may take when it is closed, in seconds: what was broken never ends by itself. */
const CLOSING_S = 1;

/** Where to connect, and as whom. */
export interface ConnectOptions {
  readonly url: DatabaseUrl;
  readonly password: string;
  /** The certificate of the CA that counts, in PEM; `""`: those that the system trusts. */
  readonly rootCert: string;
}

/** What a {@linkcode PostgresConnection} is for. */
export interface PostgresConnectionOptions extends ConnectOptions {
  /** How it is known to the server, and to other hubs. */
  readonly name: string;
  /** How many things may be asked at once; with more than one no transactions. */
  readonly count: number;
  readonly onNotify?: (text: string) => void;
}

/**
 * A connection to PostgreSQL, or several, which begin when something is asked. Once one of them is lost it is not used
 * again, but replaced by whoever has it: postgres 3.4 ends the process when a transaction goes on after its connection
 * was lost, and may keep the half of a message for the connection that it makes next.
 */
export class PostgresConnection implements AsyncDisposable {
  readonly sql: Sql;
  readonly #lost = Promise.withResolvers<void>();
  #isLost = false;

  constructor({ url, password, rootCert, name, count, onNotify }: PostgresConnectionOptions) {
    const { host, port, database, user, tls } = url;
    const ca = rootCert === "" ? {} : { ca: rootCert };
    // Which its types leave out.
    const untyped = { onnotify: (_channel: string, text: string) => onNotify?.(text) };
    this.sql = postgres({
      ...{ host, port, database, user, password, ...untyped },
      max: count,
      max_lifetime: null,
      // It would ask for the types of arrays by itself, and end the process if the connection is lost meanwhile.
      fetch_types: false,
      ssl: tls !== "disable" &&
        { ...ca, rejectUnauthorized: tls === "verify-full" || rootCert !== "" },
      connect_timeout: 5,
      keep_alive: 10,
      onnotice: () => {},
      onclose: () => this.#lose(),
      connection: {
        application_name: name,
        idle_in_transaction_session_timeout: IDLE_MS,
        statement_timeout: STATEMENT_MS,
        // So that the server sees soon that a hub is gone whose machine is.
        tcp_keepalives_idle: 10,
        tcp_keepalives_interval: 5,
        tcp_keepalives_count: 3,
      },
    });
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Fulfilled once it is. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /**
   * Waits for what is asked. What comes to a connection between its error and its end is never answered.
   *
   * @throws if the connection is lost, or must be by now
   */
  async answered<T>(asked: Promise<T>): Promise<T> {
    const done = new AbortController();
    const late = delay(LATE_MS, { signal: done.signal }).then(() => {
      throw lostError();
    });
    try {
      return await Promise.race([asked, late]);
    } catch (error) {
      if (isLost(error)) this.#lose();
      throw error;
    } finally {
      done.abort();
    }
  }

  #lose(): void {
    this.#isLost = true;
    this.#lost.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sql.end({ timeout: CLOSING_S });
  }
}
