import type { Sql, TransactionSql } from "postgres";
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
  readonly sql: TransactionSql;
  readonly hub: string;
  readonly #changed: Set<string>;
  readonly #waiting: Set<string>;

  constructor(
    sql: TransactionSql,
    hub: string,
    changed: Set<string> = new Set(),
    waiting: Set<string> = new Set(),
  ) {
    this.sql = sql;
    this.hub = hub;
    this.#changed = changed;
    this.#waiting = waiting;
  }

  /** A job is not as it was. */
  readonly changed = (jobId: string): void => void this.#changed.add(jobId);

  /** A job waits that another hub may have a place for. */
  waits(jobId: string): void {
    this.#waiting.add(jobId);
  }

  /** Does something that is undone by itself if it fails. */
  async part<T>(act: (part: Transaction) => Promise<T>): Promise<T> {
    const done = await this.sql.savepoint(async (sql) => {
      // An array would be taken for several promises.
      return { value: await act(new Transaction(sql, this.hub, this.#changed, this.#waiting)) };
    });
    return done.value as T;
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

/** Something that can be asked: within a transaction, or by itself. */
export type Asked = Sql | TransactionSql;
