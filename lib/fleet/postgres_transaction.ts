import type { Sql } from "postgres";
import type { PostgresConnection } from "./postgres_connection.ts";
import { isLost, lostError } from "./postgres_errors.ts";
import type { Notice } from "./registry.ts";

/** The channel on which hubs tell each other what they have changed. */
export const CHANNEL = "job_worker";

/** How many ids fit into one notice, which may have 8,000 bytes. */
const IDS_PER_NOTICE = 150;

/** Reads a notice; `null` if it is none of a hub: whoever may use the database may say anything there. */
export function readNotice(text: string): Notice | null {
  try {
    const { hub, jobs, waits } = JSON.parse(text);
    const isNotice = typeof hub === "string" && typeof waits === "boolean" && Array.isArray(jobs) &&
      jobs.every((jobId) => typeof jobId === "string");
    return isNotice ? { hub, jobs, waits } : null;
  } catch {
    return null;
  }
}

/** A transaction of a hub, and what the others are to be told of it. */
export class Transaction {
  readonly hub: string;
  readonly #connection: PostgresConnection;
  readonly #changed = new Set<string>();
  readonly #waiting = new Set<string>();

  /** @param connection the only one of its kind, on which it has begun */
  constructor(connection: PostgresConnection, hub: string) {
    this.#connection = connection;
    this.hub = hub;
  }

  /** By what to ask. @throws if the connection is lost: what is asked would be done on another, by itself */
  get sql(): Sql {
    if (!this.#connection.isLost) return this.#connection.sql;
    throw lostError();
  }

  /** A job is not as it was. */
  readonly changed = (jobId: string): void => void this.#changed.add(jobId);

  /** A job waits that another hub may have a place for. */
  waits(jobId: string): void {
    this.#waiting.add(jobId);
  }

  /** Does something that is undone by itself if it fails, unless all of the transaction is lost. */
  async part<T>(act: (transaction: Transaction) => Promise<T>): Promise<T> {
    await this.sql`SAVEPOINT part`;
    try {
      const done = await act(this);
      await this.sql`RELEASE SAVEPOINT part`;
      return done;
    } catch (error) {
      if (!isLost(error)) await this.sql`ROLLBACK TO SAVEPOINT part`;
      throw error;
    }
  }

  /** Has the other hubs told, if this is committed. */
  async notify(): Promise<void> {
    const jobs = [...this.#changed.union(this.#waiting)];
    for (let at = 0; at < jobs.length; at += IDS_PER_NOTICE) {
      const some = jobs.slice(at, at + IDS_PER_NOTICE);
      const waits = some.some((jobId) => this.#waiting.has(jobId));
      const notice: Notice = { hub: this.hub, jobs: some, waits };
      await this.sql`SELECT pg_notify(${CHANNEL}, ${JSON.stringify(notice)})`;
    }
  }
}
