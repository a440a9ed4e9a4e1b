import { Counts } from "../counts.ts";
import { failedPrecondition } from "../errors.ts";
import type { JobPage } from "../job/job_store.ts";
import { PageLimit } from "../job/page_limit.ts";
import type { StatusCounts } from "../job/status_counts.ts";
import type { Job, JobFilter } from "../job/types.ts";
import type { ChangesSince } from "../store/change_log.ts";
import type { HostChangesPage, KnownFacts } from "./host_changes.ts";
import { hasNoProcess, type KnownJob, knownJob, NOWHERE } from "./known_job.ts";
import { PostgresDatabase, type PostgresOptions } from "./postgres_database.ts";
import { findJob, markStale, putEnd, putJobs, removeJobs, removeStale } from "./postgres_jobs.ts";
import { countJobs, findJobs } from "./postgres_query.ts";
import { PostgresQueue } from "./postgres_queue.ts";
import { POSTGRES_SCHEMA } from "./postgres_schema.ts";
import type { Transaction } from "./postgres_transaction.ts";
import type { KnownHost, Registry } from "./registry.ts";

/** How to open a {@linkcode PostgresRegistry}. */
export interface PostgresRegistryOptions extends PostgresOptions {
  /** The name of the fleet. */
  readonly fleet: string;
  /** SHA-256 of the key with which this hub seals what waits, as hexadecimal digits. */
  readonly keyDigest: string;
}

/** Up to where a host was known when it was asked, and when that was. */
interface Ask extends ChangesSince {
  readonly ask: number;
}

/** The registry of hubs of which each may do what any may: on PostgreSQL. */
export class PostgresRegistry implements Registry {
  readonly queue: PostgresQueue;
  readonly isShared = true;
  readonly #database: PostgresDatabase;
  readonly #asks = new Map<string, Ask>();

  private constructor(database: PostgresDatabase) {
    this.#database = database;
    this.queue = new PostgresQueue(database);
  }

  /**
   * Makes the tables if there are none.
   *
   * @throws `unavailable` if the server cannot be reached; `failed_precondition` if it refuses, or the registry is that
   *   of another fleet, key or version
   */
  static async open(options: PostgresRegistryOptions): Promise<PostgresRegistry> {
    const { onNotice, onMissed } = options;
    const database = new PostgresDatabase({
      ...options,
      onNotice(notice) {
        registry.queue.changedElsewhere();
        onNotice(notice);
      },
      onMissed() {
        registry.queue.changedElsewhere();
        onMissed();
      },
    });
    const registry = new PostgresRegistry(database);
    try {
      await database.setUp((transaction) => setUp(transaction, options));
      await registry.queue.forget();
      return registry;
    } catch (error) {
      await database[Symbol.asyncDispose]();
      throw error;
    }
  }

  async newestId(): Promise<string> {
    const [row] = await this.#database.read((sql) => sql`SELECT max(job_id) AS newest FROM queue`);
    return String(row?.newest ?? "");
  }

  async since(host: string): Promise<ChangesSince> {
    const [row] = await this.#database.read((sql) =>
      sql`SELECT ask, epoch, revision FROM (SELECT nextval('asks') AS ask) AS asked
        LEFT JOIN hosts ON name = ${host}`
    );
    const since = { epoch: String(row?.epoch ?? ""), revision: Number(row?.revision ?? 0) };
    this.#asks.set(host, { ...since, ask: Number(row?.ask) });
    return since;
  }

  apply(host: string, page: HostChangesPage, heardAt: number): Promise<void> {
    const { epoch, revision, isAnew, jobs, removed, hasMore, facts } = page;
    const asked = this.#asks.get(host);
    return this.#database.write(async (transaction) => {
      const { sql } = transaction;
      const [known] = await sql`SELECT epoch, revision, is_anew FROM hosts WHERE name = ${host}`;
      // Another hub has taken over a page since this one has asked: it goes on from there.
      if (asked !== undefined && !isSame(asked, known)) return;
      const isAsked = await this.queue.asked(transaction, host);
      if (isAnew) await markStale(transaction, host, asked?.ask ?? Number.MAX_SAFE_INTEGER);
      // What is only being started may still come to nothing, and the host is about to answer for it.
      const told = jobs.filter((job) => !(hasNoProcess(job) && isAsked.has(job.jobId)));
      const news = new Set(await putJobs(transaction, host, told, { revision, noted: 0 }));
      await this.queue.told(transaction, host, told.filter(({ jobId }) => news.has(jobId)));
      const gone = removed.filter((jobId) => !isAsked.has(jobId));
      await this.queue.removed(
        transaction,
        host,
        await removeJobs(transaction, host, gone, revision),
      );
      const isTold = isAnew || known?.is_anew === true;
      if (!hasMore && isTold) {
        await removeStale(transaction, host);
        await this.queue.removedStale(transaction, host);
      }
      await sql`
        INSERT INTO hosts (name, epoch, revision, is_anew, heard_at, facts)
        VALUES (${host}, ${epoch}, ${revision}, ${hasMore && isTold}, ${heardAt},
          ${JSON.stringify(facts)}::text::json)
        ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision,
          is_anew = excluded.is_anew, heard_at = excluded.heard_at, facts = excluded.facts`;
    });
  }

  forget(host: string, member?: string): Promise<void> {
    return this.#database.write(async (transaction) => {
      const [known] = await transaction.sql`
        SELECT facts ->> 'member' AS member FROM hosts WHERE name = ${host}`;
      if (member !== undefined && known?.member !== member) return;
      await this.queue.lose(transaction, host);
      await transaction.sql`DELETE FROM jobs WHERE host = ${host}`;
      await transaction.sql`DELETE FROM hosts WHERE name = ${host}`;
    });
  }

  started(host: string, job: Job): Promise<void> {
    return this.#database.write(async (transaction) => {
      const [row] = await transaction.sql`SELECT nextval('asks') AS noted`;
      const noted = Number(row?.noted);
      const [isNews] = await putJobs(transaction, host, [job], { revision: 0, noted });
      if (!isNews && job.end !== null) await putEnd(transaction, host, job);
      await this.queue.told(transaction, host, [job]);
    });
  }

  async ended(host: string, job: Job): Promise<void> {
    const known = await this.get(job.jobId);
    if (known === undefined || known.host !== host || known.job.end !== null) return;
    await this.#database.write(async (transaction) => {
      if (await putEnd(transaction, host, job)) await this.queue.told(transaction, host, [job]);
    });
  }

  remove(host: string, jobIds: readonly string[]): Promise<void> {
    return this.#database.write(async (transaction) => {
      await removeJobs(transaction, host, jobIds);
    });
  }

  get(jobId: string): Promise<KnownJob | undefined> {
    return this.#database.read((sql) => findJob(sql, jobId));
  }

  list(filter: JobFilter, page: JobPage): Promise<KnownJob[]> {
    return this.#database.read(async (sql) => {
      const limit = new PageLimit(page);
      const found: KnownJob[] = [];
      for await (const row of findJobs(sql, filter, page)) {
        if (!limit.admit(String(row.record))) break;
        found.push(knownJob(row));
      }
      return found;
    });
  }

  countByStatus(filter: JobFilter): Promise<StatusCounts> {
    return this.#database.read((sql) => countJobs(sql, filter));
  }

  async live(): Promise<Counts<string>> {
    const rows = await this.#database.read((sql) =>
      sql`SELECT host, count(*) AS count FROM jobs
        WHERE status IN ('queued', 'running') AND host <> ${NOWHERE} GROUP BY host`
    );
    const live = new Counts<string>();
    for (const { host, count } of rows) live.add(String(host), Number(count));
    return live;
  }

  async size(): Promise<number> {
    const [row] = await this.#database.read((sql) =>
      sql`SELECT pg_database_size(current_database()) AS bytes`
    );
    return Number(row?.bytes);
  }

  async hosts(): Promise<KnownHost[]> {
    const rows = await this.#database.read((sql) =>
      sql`SELECT name, heard_at, facts::text AS facts FROM hosts`
    );
    return rows.map(({ name, heard_at, facts }) => ({
      name: String(name),
      heardAt: Number(heard_at),
      facts: JSON.parse(String(facts)) as KnownFacts,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }
}

type Row = Readonly<Record<string, unknown>>;

function isSame({ epoch, revision }: ChangesSince, known: Row | undefined): boolean {
  return epoch === String(known?.epoch ?? "") && revision === Number(known?.revision ?? 0);
}

async function setUp(
  { sql }: Transaction,
  { fleet, keyDigest }: PostgresRegistryOptions,
): Promise<void> {
  const [table] = await sql`SELECT to_regclass('registry') IS NOT NULL AS is_there`;
  const newest = POSTGRES_SCHEMA.length;
  const [known] = table?.is_there ? await sql`SELECT * FROM registry` : [];
  const version = Number(known?.schema ?? 0);
  if (version > newest) {
    throw failedPrecondition(
      `The schema ${version} of the registry is newer than ${newest}, the newest that this version knows; install ` +
        "the version that made it",
    );
  }
  if (known !== undefined && known.fleet !== fleet) {
    throw failedPrecondition(
      `The registry is that of the fleet "${known.fleet}", and this is a hub of "${fleet}"; choose another database`,
    );
  }
  if (known !== undefined && known.queue_key_sha256 !== keyDigest) {
    throw failedPrecondition(
      "The registry is sealed with another key than that of this hub; copy queue.key from the data directory of a hub " +
        "that has it to that of this one",
    );
  }
  for (const step of POSTGRES_SCHEMA.slice(version)) await sql.unsafe(step);
  if (known === undefined) {
    await sql`INSERT INTO registry (schema, fleet, queue_key_sha256)
      VALUES (${newest}, ${fleet}, ${keyDigest})`;
  } else if (version < newest) await sql`UPDATE registry SET schema = ${newest}`;
}
