import type { Sql } from "postgres";
import type { HostSelector } from "../job/host.ts";
import { nameTaken } from "../job/job_name.ts";
import { queuedJob } from "../job/record_bytes.ts";
import type { Job, JobEnd } from "../job/types.ts";
import { NOWHERE } from "./known_job.ts";
import type { PostgresDatabase } from "./postgres_database.ts";
import { chooseFor, findJob, findLive, oneOf, removeJobs, setJob } from "./postgres_jobs.ts";
import {
  checkLimits,
  endJob,
  findStart,
  firstFree,
  firstOfEach,
  forgetOld,
  positionsOf,
  takeTurn,
} from "./postgres_queue_sql.ts";
import type { Transaction } from "./postgres_transaction.ts";
import { asAdded, FORGET_EVERY, lostWith, selectorOf, selectorText } from "./queue_rules.ts";
import type {
  Added,
  NewEntry,
  Place,
  QueueLimits,
  QueueStore,
  StoredEntry,
} from "./queue_store.ts";

/** The queue that hubs share, in their registry on PostgreSQL. */
export class PostgresQueue implements QueueStore {
  readonly #database: PostgresDatabase;
  /** Worked out when somebody asks, and good until something changes. */
  #positions: Promise<ReadonlyMap<string, number>> | null = null;
  #changes = 0;

  constructor(database: PostgresDatabase) {
    this.#database = database;
  }

  add(entry: NewEntry, places: readonly Place[], limits: QueueLimits): Promise<Added> {
    return this.#change(async (transaction) => {
      const { sql } = transaction;
      const { jobId, owner, priority, on, mayWait, reruns, requestId, job, sealed } = entry;
      const known = await findStart(sql, owner, requestId);
      if (known !== undefined) return { kind: "known", jobId: known };
      const namesake = job.name === "" ? undefined : await findLive(sql, owner, job.name);
      if (namesake !== undefined) throw nameTaken(namesake);
      const host = await firstFree(sql, places);
      if (host === NOWHERE && !mayWait) return { kind: "refused" };
      const bytes = sealed.byteLength + queuedJob(job).recordBytes;
      if (host === NOWHERE) await checkLimits(sql, { owner, bytes }, limits);
      await setJob(transaction, host, job);
      await chooseFor(transaction, jobId, on);
      await sql`
        INSERT INTO queue (job_id, owner, priority, selector, host, hub, is_answered, may_wait, reruns, bytes, sealed)
        VALUES (${jobId}, ${owner}, ${priority}, ${selectorText(on)}, ${host}, ${this.#hubOf(host)},
          false, ${mayWait}, ${reruns}, ${bytes}, ${sealed})`;
      if (requestId !== "") {
        await sql`INSERT INTO starts (owner, request_id, job_id, started_at)
          VALUES (${owner}, ${requestId}, ${jobId}, ${Date.now()})`;
      }
      if (host === NOWHERE) transaction.waits(jobId);
      else await takeTurn(sql, owner);
      return { kind: host === NOWHERE ? "waiting" : "given", host };
    });
  }

  get(jobId: string): Promise<StoredEntry | undefined> {
    return this.#database.read((sql) => this.#entry(sql, jobId));
  }

  async sealed(jobId: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const [row] = await this.#database.read((sql) =>
      sql`SELECT sealed FROM queue WHERE job_id = ${jobId}`
    );
    return row?.sealed instanceof Uint8Array ? Uint8Array.from(row.sealed) : undefined;
  }

  find(owner: string, requestId: string): Promise<string | undefined> {
    return this.#database.read((sql) => findStart(sql, owner, requestId));
  }

  async given(): Promise<StoredEntry[]> {
    const rows = await this.#database.read((sql) =>
      sql`SELECT ${columns(sql)} FROM queue WHERE host <> ${NOWHERE}`
    );
    return rows.map((row) => this.#entryOf(row));
  }

  async adopt(): Promise<StoredEntry[]> {
    const isLeft = (sql: Sql) =>
      sql`host <> ${NOWHERE} AND NOT is_answered AND hub <> ${this.#database.hub}
        AND hub NOT IN (SELECT application_name FROM pg_stat_activity WHERE datname = current_database())`;
    // Most of the time there is none, and nobody is held up.
    const [left] = await this.#database.read((sql) =>
      sql`SELECT 1 FROM queue WHERE ${isLeft(sql)} LIMIT 1`
    );
    if (left === undefined) return [];
    return await this.#change(async ({ sql }) => {
      const rows = await sql`UPDATE queue SET hub = ${this.#database.hub} WHERE ${isLeft(sql)}
        RETURNING ${columns(sql)}`;
      return rows.map((row) => this.#entryOf(row));
    });
  }

  positions(): Promise<ReadonlyMap<string, number>> {
    const asked = this.#positions ??= this.#database.read((sql) => positionsOf(sql));
    asked.catch(() => {
      if (this.#positions === asked) this.#positions = null;
    });
    return asked;
  }

  /** Something has changed that was not done by this hub. */
  changedElsewhere(): void {
    this.#positions = null;
  }

  async claim(
    place: Place,
    mayHave: (on: HostSelector, owner: string) => boolean,
  ): Promise<StoredEntry | undefined> {
    const [waits] = await this.#database.read((sql) =>
      sql`SELECT 1 FROM queue WHERE host = ${NOWHERE} LIMIT 1`
    );
    if (waits === undefined) return undefined;
    return await this.#change(async (transaction) => {
      const { sql } = transaction;
      if (await firstFree(sql, [place]) === NOWHERE) return undefined;
      const next = (await firstOfEach(sql)).find(({ selector, owner }) =>
        mayHave(selectorOf(selector), String(owner))
      );
      if (next === undefined) return undefined;
      const jobId = String(next.job_id);
      await this.#give(transaction, jobId, place.name);
      await takeTurn(sql, String(next.owner));
      return await this.#entry(sql, jobId);
    });
  }

  release(jobId: string, from: string, places: readonly Place[]): Promise<string | undefined> {
    return this.#change(async (transaction) => {
      if (!await this.#isAt(transaction.sql, jobId, from)) return undefined;
      const host = await firstFree(transaction.sql, places);
      await this.#give(transaction, jobId, host);
      return host;
    });
  }

  requeue(host: string): Promise<string[]> {
    return this.#change((transaction) => this.#requeue(transaction, host));
  }

  change(job: Job, sealed: Uint8Array<ArrayBuffer>): Promise<boolean> {
    return this.#change(async (transaction) => {
      if (!await this.#isAt(transaction.sql, job.jobId, NOWHERE)) return false;
      await setJob(transaction, NOWHERE, job);
      await transaction.sql`UPDATE queue SET sealed = ${sealed} WHERE job_id = ${job.jobId}`;
      return true;
    });
  }

  end(jobId: string, from: string, end: JobEnd): Promise<Job | undefined> {
    return this.#change(async (transaction) => {
      if (!await this.#isAt(transaction.sql, jobId, from)) return undefined;
      return await endJob(transaction, jobId, end);
    });
  }

  withdraw(jobId: string, from: string): Promise<boolean> {
    return this.#change(async (transaction) => {
      const { sql } = transaction;
      if (!await this.#isAt(sql, jobId, from)) return false;
      await sql`DELETE FROM queue WHERE job_id = ${jobId}`;
      await sql`DELETE FROM starts WHERE job_id = ${jobId}`;
      await removeJobs(transaction, from, [jobId]);
      return true;
    });
  }

  /** Takes note of what a host says of some of its jobs. */
  async told({ sql }: Transaction, host: string, jobs: readonly Job[]): Promise<void> {
    if (jobs.length === 0) return;
    this.#changed();
    const ids = jobs.map(({ jobId }) => jobId);
    const ended = jobs.filter(({ end }) => end !== null).map(({ jobId }) => jobId);
    await sql`DELETE FROM queue WHERE host = ${host} AND job_id IN ${oneOf(sql, ids)}
      AND (NOT reruns OR job_id IN ${oneOf(sql, ended)})`;
    await sql`UPDATE queue SET is_answered = true, hub = '' WHERE host = ${host} AND job_id IN ${
      oneOf(sql, ids)
    }`;
  }

  /** The jobs that a host was given, and has not answered. */
  async asked({ sql }: Transaction, host: string): Promise<ReadonlySet<string>> {
    const rows = await sql`SELECT job_id FROM queue WHERE host = ${host} AND NOT is_answered`;
    return new Set(rows.map(({ job_id }) => String(job_id)));
  }

  /** A host says that it has jobs no more. */
  async removed({ sql }: Transaction, host: string, jobIds: readonly string[]): Promise<void> {
    if (jobIds.length === 0) return;
    await sql`DELETE FROM queue WHERE host = ${host} AND job_id IN ${oneOf(sql, jobIds)}`;
  }

  /** What a host has told anew is all that it has. */
  async removedStale({ sql }: Transaction, host: string): Promise<void> {
    await sql`DELETE FROM queue
      WHERE host = ${host} AND is_answered AND job_id NOT IN (SELECT job_id FROM jobs)`;
  }

  /**
   * A host is not in the fleet any more. What it has not answered for is lost, unless it is to run again.
   */
  async lose(transaction: Transaction, host: string): Promise<void> {
    await this.#requeue(transaction, host);
    const rows = await transaction.sql`SELECT job_id FROM queue WHERE host = ${host}`;
    for (const { job_id } of rows) await endJob(transaction, String(job_id), lostWith(host));
    this.#changed();
  }

  /** Forgets what is kept for a while only. */
  async forget(): Promise<void> {
    await this.#database.write(({ sql }) => forgetOld(sql));
  }

  async #requeue(transaction: Transaction, host: string): Promise<string[]> {
    const rows = await transaction.sql`SELECT job_id FROM queue WHERE host = ${host} AND reruns`;
    const lost = rows.map(({ job_id }) => String(job_id));
    for (const jobId of lost) await this.#give(transaction, jobId, NOWHERE);
    return lost;
  }

  /** The job is as it was before any host had it. */
  async #give(transaction: Transaction, jobId: string, host: string): Promise<void> {
    const { sql } = transaction;
    const known = await findJob(sql, jobId);
    if (known === undefined) return;
    await sql`UPDATE queue SET host = ${host}, hub = ${this.#hubOf(host)}, is_answered = false
      WHERE job_id = ${jobId}`;
    await setJob(transaction, host, asAdded(known.job));
    if (host === NOWHERE) transaction.waits(jobId);
  }

  /** Whether a start waits, or is at a host that it is for this hub to ask. */
  async #isAt(sql: Sql, jobId: string, host: string): Promise<boolean> {
    const [row] = await sql`SELECT 1 FROM queue
      WHERE job_id = ${jobId} AND host = ${host} AND hub = ${this.#hubOf(host)}`;
    return row !== undefined;
  }

  async #entry(sql: Sql, jobId: string): Promise<StoredEntry | undefined> {
    const [row] = await sql`SELECT ${columns(sql)} FROM queue WHERE job_id = ${jobId}`;
    return row && this.#entryOf(row);
  }

  #entryOf(row: Row): StoredEntry {
    return {
      jobId: String(row.job_id),
      owner: String(row.owner),
      priority: Number(row.priority),
      on: selectorOf(row.selector),
      host: String(row.host),
      bytes: Number(row.bytes),
      isAnswered: row.is_answered === true,
      isHere: row.hub === this.#database.hub,
      mayWait: row.may_wait === true,
      reruns: row.reruns === true,
    };
  }

  #hubOf(host: string): string {
    return host === NOWHERE ? "" : this.#database.hub;
  }

  #changed(): void {
    this.#positions = null;
    this.#changes++;
  }

  async #change<T>(act: (transaction: Transaction) => Promise<T>): Promise<T> {
    const isDue = (this.#changes + 1) % FORGET_EVERY === 0;
    try {
      return await this.#database.write(async (transaction) => {
        if (isDue) await forgetOld(transaction.sql);
        return await act(transaction);
      });
    } finally {
      this.#changed();
    }
  }
}

type Row = Readonly<Record<string, unknown>>;

function columns(sql: Sql) {
  return sql`job_id, owner, priority, selector, host, hub, is_answered, may_wait, reruns, bytes`;
}
