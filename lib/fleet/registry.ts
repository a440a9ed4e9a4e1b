import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { JobPage } from "../job/job_store.ts";
import { PageLimit } from "../job/page_limit.ts";
import type { Job, JobFilter } from "../job/types.ts";
import type { ChangesSince } from "../store/change_log.ts";
import { JobQuery, type Query, type Skew, SKEW_SQL } from "../store/job_query.ts";
import { openDatabase, openError } from "../store/open_database.ts";
import type { HostChangesPage, HostFacts } from "./host_changes.ts";
import { hasNoProcess, JobRows, KNOWN_COLUMNS, type KnownJob, knownJob } from "./job_rows.ts";
import type { QueueStore } from "./queue_store.ts";
import { REGISTRY_SCHEMA } from "./registry_schema.ts";
import { SqliteQueue } from "./sqlite_queue.ts";
import { Transactions } from "./transactions.ts";

export type { KnownJob };

/** What a host has last said of itself. */
export interface KnownHost {
  readonly name: string;
  /** When it was heard, in milliseconds since the Unix epoch. */
  readonly heardAt: number;
  readonly facts: HostFacts;
}

/**
 * What a hub knows: a copy of the records of all hosts, and what it has accepted that no host has answered for yet.
 * What is committed survives the process.
 */
export class Registry implements Disposable {
  /** What waits, or has been given to a host. */
  readonly queue: QueueStore;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #transactions: Transactions;
  readonly #rows: JobRows;
  readonly #queue: SqliteQueue;
  /** What each host has started since it was asked for its changes. */
  readonly #startedSince = new Map<string, Set<string>>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepare(database);
    this.#rows = new JobRows(database);
    this.#transactions = new Transactions(database, () => this.#rows.count());
    this.#queue = new SqliteQueue(database, this.#transactions, this.#rows);
    this.queue = this.#queue;
  }

  /**
   * @param path the file; it is made if there is none
   * @throws as `SqliteStore.open()` does
   */
  static async open(path: string): Promise<Registry> {
    try {
      return new Registry(await openDatabase(path, REGISTRY_SCHEMA));
    } catch (error) {
      throw openError(path, error);
    }
  }

  /** The greatest id of those in the queue; `""` for none. What hosts tell is not to be relied on. */
  get newestId(): string {
    return String(this.#statements.newest.get()?.job_id ?? "");
  }

  /** Up to where the changes of a host are known, for whoever asks it now for those that have come since. */
  since(host: string): ChangesSince {
    this.#startedSince.delete(host);
    const { epoch, revision } = this.#statements.since.get(host) ?? {};
    return { epoch: String(epoch ?? ""), revision: Number(revision ?? 0) };
  }

  /**
   * Takes over what a host has told. The same page may come again, also after a later one.
   *
   * @param heardAt milliseconds since the Unix epoch
   */
  apply(host: string, page: HostChangesPage, heardAt: number): void {
    const { epoch, revision, isAnew, jobs, removed, hasMore, facts } = page;
    this.#transactions.run(() => {
      const { since, hear } = this.#statements;
      const known = since.get(host);
      if (isAnew) this.#rows.markStale(host, this.#startedSince.get(host) ?? new Set());
      for (const job of jobs) {
        // It may still come to nothing, and the host is about to answer for it.
        const isStarting = hasNoProcess(job) && this.#queue.isAsked(host, job.jobId);
        if (!isStarting) this.#put(host, job, revision);
      }
      for (const jobId of removed) {
        if (this.#queue.isAsked(host, jobId)) continue;
        if (this.#rows.remove(host, jobId, revision)) this.#queue.removed(host, jobId);
      }
      if (!hasMore && (isAnew || known?.is_anew === 1)) {
        this.#rows.removeStale(host);
        this.#queue.removedStale(host);
      }
      const isAnewStill = hasMore && (isAnew || known?.is_anew === 1) ? 1 : 0;
      hear.run(host, epoch, revision, isAnewStill, heardAt, JSON.stringify(facts));
    });
  }

  /** Forgets what a host has told. What it was given and has not answered for is lost, or waits again. */
  forget(host: string): void {
    this.#transactions.run(() => {
      this.#queue.lose(host);
      this.#rows.forget(host);
      this.#statements.forgetHost.run(host);
    });
  }

  /** Takes note of a job that a host has just started, unless the host has told of it already. */
  started(host: string, job: Job): Promise<void> {
    this.#startedSince.set(host, (this.#startedSince.get(host) ?? new Set()).add(job.jobId));
    return this.#transactions.share(() => {
      if (!this.#put(host, job, 0)) this.#queue.told(host, job);
    });
  }

  /**
   * Takes note of the end of a job that a host has told to a client: who knows that it has ended may start the next one
   * of its name, though the host has not told of the end by itself yet.
   */
  async ended(host: string, job: Job): Promise<void> {
    const known = this.#rows.get(job.jobId);
    if (known === undefined || known.host !== host || known.job.end !== null) return;
    await this.#transactions.share(() => {
      if (this.#rows.end(host, job)) this.#queue.told(host, job);
    });
  }

  /** Forgets jobs of a host. */
  remove(host: string, jobIds: readonly string[]): void {
    this.#transactions.run(() => {
      for (const jobId of jobIds) this.#rows.remove(host, jobId);
    });
  }

  get(jobId: string): KnownJob | undefined {
    return this.#rows.get(jobId);
  }

  /** Newest first, as `JobStore.list()` has them. */
  list(filter: JobFilter, page: JobPage): KnownJob[] {
    const { sql, values } = this.#pageQuery(filter, page);
    const limit = new PageLimit(page);
    const found: KnownJob[] = [];
    for (const row of this.#database.prepare(sql).iterate(...values)) {
      const record = String(row.record);
      if (!limit.admit(record)) break;
      found.push(knownJob(row));
    }
    return found;
  }

  /** How many jobs of a host have not ended, including those that it was given and has not answered for. */
  live(host: string): number {
    return this.#rows.live(host);
  }

  /** The hosts that were ever heard. */
  hosts(): KnownHost[] {
    return this.#statements.hosts.all().map(({ name, heard_at, facts }) => ({
      name: String(name),
      heardAt: Number(heard_at),
      facts: JSON.parse(String(facts)) as HostFacts,
    }));
  }

  [Symbol.dispose](): void {
    this.#transactions[Symbol.dispose]();
    this.#database.close();
  }

  /** @returns whether it was news */
  #put(host: string, job: Job, revision: number): boolean {
    const isNews = this.#rows.put(host, job, revision);
    if (isNews) this.#queue.told(host, job);
    return isNews;
  }

  #pageQuery(filter: JobFilter, page: JobPage): Query {
    const byStart = (filter.startedAfter ?? filter.startedBefore) !== undefined;
    const query = new JobQuery(filter, page, byStart ? this.#skew() : null, KNOWN_COLUMNS);
    const counts = query.counts.map(({ sql, values }) =>
      Number(this.#database.prepare(sql).get(...values)?.count)
    );
    return query.page(counts.length === 0 ? 0 : counts.indexOf(Math.min(...counts)));
  }

  #skew(): Skew {
    const { least, most } = this.#statements.skew.get() ?? {};
    return { least: Number(least), most: Number(most) };
  }
}

/** One of its own for each question. */
type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

const SQL = {
  newest: "SELECT max(job_id) AS job_id FROM queue",
  since: "SELECT epoch, revision, is_anew FROM hosts WHERE name = ?",
  hear: `INSERT INTO hosts (name, epoch, revision, is_anew, heard_at, facts)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision,
      is_anew = excluded.is_anew, heard_at = excluded.heard_at, facts = excluded.facts`,
  hosts: "SELECT name, heard_at, facts FROM hosts",
  forgetHost: "DELETE FROM hosts WHERE name = ?",
  skew: SKEW_SQL,
} as const;

function prepare(database: DatabaseSync): Statements {
  const entries = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(entries) as Statements;
}
