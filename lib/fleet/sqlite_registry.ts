import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Counts } from "../counts.ts";
import type { JobPage } from "../job/job_store.ts";
import { PageLimit } from "../job/page_limit.ts";
import type { StatusCounts } from "../job/status_counts.ts";
import type { Job, JobFilter } from "../job/types.ts";
import type { ChangesSince } from "../store/change_log.ts";
import { JobPages } from "../store/job_pages.ts";
import { openDatabase, openError } from "../store/open_database.ts";
import type { HostChangesPage, KnownFacts } from "./host_changes.ts";
import { JobRows } from "./job_rows.ts";
import { hasNoProcess, KNOWN_COLUMNS, type KnownJob, knownJob } from "./known_job.ts";
import type { QueueStore } from "./queue_store.ts";
import type { KnownHost, Registry } from "./registry.ts";
import { REGISTRY_SCHEMA } from "./registry_schema.ts";
import { SqliteQueue } from "./sqlite_queue.ts";
import { Transactions } from "./transactions.ts";

/** The registry of a single hub, in a file that nobody else has open. */
export class SqliteRegistry implements Registry {
  readonly queue: QueueStore;
  readonly isShared = false;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #pages: JobPages;
  readonly #transactions: Transactions;
  readonly #rows: JobRows;
  readonly #queue: SqliteQueue;
  /** What each host has started since it was asked for its changes. */
  readonly #startedSince = new Map<string, Set<string>>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepare(database);
    this.#pages = new JobPages(database, KNOWN_COLUMNS);
    this.#rows = new JobRows(database);
    this.#transactions = new Transactions(database, () => this.#rows.count());
    this.#queue = new SqliteQueue(database, this.#transactions, this.#rows);
    this.queue = this.#queue;
  }

  /**
   * @param path the file; it is made if there is none
   * @throws as `SqliteStore.open()` does
   */
  static async open(path: string): Promise<SqliteRegistry> {
    try {
      return new SqliteRegistry(await openDatabase(path, REGISTRY_SCHEMA));
    } catch (error) {
      throw openError(path, error);
    }
  }

  newestId(): Promise<string> {
    return Promise.try(() => String(this.#statements.newest.get()?.job_id ?? ""));
  }

  since(host: string): Promise<ChangesSince> {
    return Promise.try(() => {
      this.#startedSince.delete(host);
      const { epoch, revision } = this.#statements.since.get(host) ?? {};
      return { epoch: String(epoch ?? ""), revision: Number(revision ?? 0) };
    });
  }

  apply(host: string, page: HostChangesPage, heardAt: number): Promise<void> {
    const { epoch, revision, isAnew, jobs, removed, hasMore, facts } = page;
    // A thousand hosts may tell something at once, and each flush takes as long as all else that is done for it.
    return this.#transactions.share(() => {
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

  forget(host: string, member?: string): Promise<void> {
    return this.#run(() => {
      const known = this.#statements.member.get(host);
      if (member !== undefined && known?.member !== member) return;
      this.#queue.lose(host);
      this.#rows.forget(host);
      this.#statements.forgetHost.run(host);
    });
  }

  started(host: string, job: Job): Promise<void> {
    this.#startedSince.set(host, (this.#startedSince.get(host) ?? new Set()).add(job.jobId));
    return this.#transactions.share(() => {
      if (this.#put(host, job, 0)) return;
      if (job.end !== null) this.#rows.end(host, job);
      this.#queue.told(host, job);
    });
  }

  async ended(host: string, job: Job): Promise<void> {
    const known = this.#rows.get(job.jobId);
    if (known === undefined || known.host !== host || known.job.end !== null) return;
    await this.#transactions.share(() => {
      if (this.#rows.end(host, job)) this.#queue.told(host, job);
    });
  }

  remove(host: string, jobIds: readonly string[]): Promise<void> {
    return this.#run(() => {
      for (const jobId of jobIds) this.#rows.remove(host, jobId);
    });
  }

  get(jobId: string): Promise<KnownJob | undefined> {
    return Promise.try(() => this.#rows.get(jobId));
  }

  list(filter: JobFilter, page: JobPage): Promise<KnownJob[]> {
    return Promise.try(() => {
      const { sql, values } = this.#pages.query(filter, page);
      const limit = new PageLimit(page);
      const found: KnownJob[] = [];
      for (const row of this.#database.prepare(sql).iterate(...values)) {
        const record = String(row.record);
        if (!limit.admit(record)) break;
        found.push(knownJob(row));
      }
      return found;
    });
  }

  countByStatus(filter: JobFilter): Promise<StatusCounts> {
    return this.#pages.countByStatus(filter);
  }

  live(): Promise<Counts<string>> {
    return Promise.resolve(this.#rows.live);
  }

  size(): Promise<number> {
    return Promise.try(() => Number(this.#statements.size.get()?.bytes));
  }

  hosts(): Promise<KnownHost[]> {
    return Promise.try(() =>
      this.#statements.hosts.all().map(({ name, heard_at, facts }) => ({
        name: String(name),
        heardAt: Number(heard_at),
        facts: JSON.parse(String(facts)) as KnownFacts,
      }))
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.try(() => {
      this.#transactions[Symbol.dispose]();
      this.#database.close();
    });
  }

  /** Does it at once, before what comes in this turn and shares a commit. */
  #run(act: () => void): Promise<void> {
    return Promise.try(() => this.#transactions.run(act));
  }

  /** @returns whether it was news */
  #put(host: string, job: Job, revision: number): boolean {
    const isNews = this.#rows.put(host, job, revision);
    if (isNews) this.#queue.told(host, job);
    return isNews;
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
  size: "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()",
  hosts: "SELECT name, heard_at, facts FROM hosts",
  member: "SELECT facts ->> 'member' AS member FROM hosts WHERE name = ?",
  forgetHost: "DELETE FROM hosts WHERE name = ?",
} as const;

function prepare(database: DatabaseSync): Statements {
  const entries = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(entries) as Statements;
}
