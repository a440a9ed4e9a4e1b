import type { DatabaseSync, StatementSync } from "node:sqlite";
import { decodeJob } from "../job/decode_job.ts";
import type { JobPage } from "../job/job_store.ts";
import { PageLimit } from "../job/page_limit.ts";
import { beganAt, type Job, type JobFilter, LIVE_STATUSES, statusOf } from "../job/types.ts";
import type { ChangesSince } from "../store/change_log.ts";
import { JobQuery, type Query, type Skew, SKEW_SQL } from "../store/job_query.ts";
import { openDatabase, openError } from "../store/open_database.ts";
import type { HostChangesPage, HostFacts } from "./host_changes.ts";
import { REGISTRY_SCHEMA } from "./registry_schema.ts";

/** How long it is remembered which host a start went to. */
const STARTS_KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** How often older ones are forgotten: after as many starts. */
const FORGET_EVERY = 1_000;

/** A job of a host, as the hub knows it. */
export interface KnownJob {
  readonly job: Job;
  readonly host: string;
}

/** What a host has last said of itself. */
export interface KnownHost {
  readonly name: string;
  /** When it was heard, in milliseconds since the Unix epoch. */
  readonly heardAt: number;
  readonly facts: HostFacts;
}

/**
 * What a hub knows: a copy of the records of all hosts, and where it has started what. What is committed survives
 * the process.
 */
export class Registry implements Disposable {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  /** How many jobs of each host have not ended. */
  readonly #live = new Map<string, number>();
  #placed = 0;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepare(database);
    for (const { host, count } of this.#statements.countLive.all()) {
      this.#live.set(String(host), Number(count));
    }
    this.#forgetStarts();
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

  /** Up to where the changes of a host are known. */
  since(host: string): ChangesSince {
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
    this.#transaction(() => {
      const { since, markStale, removeStale, hear } = this.#statements;
      const known = since.get(host);
      // What a host tells anew takes the place of all that it told before.
      if (isAnew) markStale.run(host);
      for (const job of jobs) this.#put(host, job, revision);
      for (const jobId of removed) this.#remove(host, jobId, revision);
      if (!hasMore && (isAnew || known?.is_anew === 1)) {
        removeStale.run(host);
        this.#recount(host);
      }
      const isAnewStill = hasMore && (isAnew || known?.is_anew === 1) ? 1 : 0;
      hear.run(host, epoch, revision, isAnewStill, heardAt, JSON.stringify(facts));
    });
  }

  /** Forgets what a host has told; where starts went is remembered. */
  forget(host: string): void {
    this.#transaction(() => {
      this.#statements.forgetJobs.run(host);
      this.#statements.forgetHost.run(host);
    });
    this.#live.delete(host);
  }

  /** Takes note of a job that a host has just started, unless the host has told of it already. */
  started(host: string, job: Job): void {
    this.#transaction(() => {
      if (this.#statements.find.get(job.jobId) === undefined) this.#put(host, job, 0);
    });
  }

  get(jobId: string): KnownJob | undefined {
    const row = this.#statements.find.get(jobId);
    if (row === undefined) return undefined;
    return { job: decodeJob(String(row.record)), host: String(row.host) };
  }

  /** Newest first, as `JobStore.list()` has them. */
  list(filter: JobFilter, page: JobPage): KnownJob[] {
    const { sql, values } = this.#pageQuery(filter, page);
    const limit = new PageLimit(page);
    const found: KnownJob[] = [];
    for (const row of this.#database.prepare(sql).iterate(...values)) {
      const record = String(row.record);
      if (!limit.admit(record)) break;
      found.push({ job: decodeJob(record), host: String(row.host) });
    }
    return found;
  }

  /** How many jobs of a host have not ended. */
  live(host: string): number {
    return this.#live.get(host) ?? 0;
  }

  /** The hosts that were ever heard. */
  hosts(): KnownHost[] {
    return this.#statements.hosts.all().map(({ name, heard_at, facts }) => ({
      name: String(name),
      heardAt: Number(heard_at),
      facts: JSON.parse(String(facts)) as HostFacts,
    }));
  }

  /** The host to which a start went; `undefined` if it went nowhere. */
  placeOf(owner: string, requestId: string): string | undefined {
    const row = this.#statements.place.get(owner, requestId);
    return row === undefined ? undefined : String(row.host);
  }

  /** Notes where a start goes, before it does: from then on it may run there, and must not run elsewhere. */
  place(owner: string, requestId: string, host: string): void {
    this.#statements.putPlace.run(owner, requestId, host, Date.now());
    if (++this.#placed % FORGET_EVERY === 0) this.#forgetStarts();
  }

  /** Forgets where a start went: the host has said that nothing has come of it. */
  unplace(owner: string, requestId: string): void {
    this.#statements.removePlace.run(owner, requestId);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #forgetStarts(): void {
    this.#statements.forgetStarts.run(Date.now() - STARTS_KEPT_MS);
  }

  #put(host: string, job: Job, revision: number): void {
    const { find, put, putLabel } = this.#statements;
    const before = find.get(job.jobId);
    // No host can say anything of the job of another.
    if (before !== undefined && before.host !== host) return;
    const { changes } = put.run(
      job.jobId,
      host,
      revision,
      job.owner,
      statusOf(job),
      beganAt(job),
      // How its owner called the request is the host's business.
      JSON.stringify({ ...job, requestId: "" }),
    );
    if (changes === 0) return;
    for (const [name, value] of Object.entries(job.labels)) putLabel.run(name, value, job.jobId);
    const wasLive = before !== undefined && isLive(String(before.status));
    this.#count(host, Number(isLive(statusOf(job))) - Number(wasLive));
  }

  #remove(host: string, jobId: string, revision: number): void {
    const { find, remove } = this.#statements;
    const before = find.get(jobId);
    if (before === undefined || before.host !== host) return;
    if (remove.run(jobId, revision).changes === 0) return;
    this.#count(host, -Number(isLive(String(before.status))));
  }

  #count(host: string, by: number): void {
    this.#live.set(host, this.live(host) + by);
  }

  #recount(host: string): void {
    this.#live.set(host, Number(this.#statements.countLiveOf.get(host)?.count));
  }

  #pageQuery(filter: JobFilter, page: JobPage): Query {
    const byStart = (filter.startedAfter ?? filter.startedBefore) !== undefined;
    const query = new JobQuery(filter, page, byStart ? this.#skew() : null, ["record", "host"]);
    const counts = query.counts.map(({ sql, values }) =>
      Number(this.#database.prepare(sql).get(...values)?.count)
    );
    return query.page(counts.length === 0 ? 0 : counts.indexOf(Math.min(...counts)));
  }

  #skew(): Skew {
    const { least, most } = this.#statements.skew.get() ?? {};
    return { least: Number(least), most: Number(most) };
  }

  #transaction(act: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      act();
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

const LIVE: readonly string[] = LIVE_STATUSES;
const LIVE_SQL = LIVE.map((status) => `'${status}'`).join(", ");

function isLive(status: string): boolean {
  return LIVE.includes(status);
}

/** One of its own for each question. */
type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

const SQL = {
  since: "SELECT epoch, revision, is_anew FROM hosts WHERE name = ?",
  hear: `INSERT INTO hosts (name, epoch, revision, is_anew, heard_at, facts)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision,
      is_anew = excluded.is_anew, heard_at = excluded.heard_at, facts = excluded.facts`,
  hosts: "SELECT name, heard_at, facts FROM hosts",
  find: "SELECT host, status, record FROM jobs WHERE job_id = ?",
  put: `INSERT INTO jobs (job_id, host, revision, owner, status, started_at, record)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (job_id) DO UPDATE SET revision = excluded.revision, status = excluded.status,
      started_at = excluded.started_at, record = excluded.record
    WHERE excluded.revision > revision`,
  putLabel: "INSERT INTO labels (name, value, job_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  remove: "DELETE FROM jobs WHERE job_id = ? AND revision < ?",
  markStale: "UPDATE jobs SET revision = -1 WHERE host = ?",
  removeStale: "DELETE FROM jobs WHERE host = ? AND revision = -1",
  forgetJobs: "DELETE FROM jobs WHERE host = ?",
  forgetHost: "DELETE FROM hosts WHERE name = ?",
  countLive: `SELECT host, count(*) AS count FROM jobs WHERE status IN (${LIVE_SQL}) GROUP BY host`,
  countLiveOf: `SELECT count(*) AS count FROM jobs WHERE host = ? AND status IN (${LIVE_SQL})`,
  skew: SKEW_SQL,
  place: "SELECT host FROM starts WHERE owner = ? AND request_id = ?",
  putPlace: `INSERT INTO starts (owner, request_id, host, placed_at) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING`,
  removePlace: "DELETE FROM starts WHERE owner = ? AND request_id = ?",
  forgetStarts: "DELETE FROM starts WHERE placed_at < ?",
} as const;

function prepare(database: DatabaseSync): Statements {
  const entries = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(entries) as Statements;
}
