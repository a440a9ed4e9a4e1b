import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import { JobWorkerError, messageOf } from "../errors.ts";
import { PageLimit } from "../job/page_limit.ts";
import type {
  FinishedFilter,
  FinishedJob,
  FinishedPage,
  Holding,
  JobPage,
  JobStore,
  QueuedJob,
  StoredJob,
} from "../job/job_store.ts";
import { nameTaken } from "../job/job_name.ts";
import { retainedBytes } from "../job/record_bytes.ts";
import type { StatusCounts } from "../job/status_counts.ts";
import { beganAt, type Job, type JobFilter, statusOf } from "../job/types.ts";
import { decodeJob } from "../job/decode_job.ts";
import { JobPages } from "./job_pages.ts";
import { finishedQuery, holdingsQuery, type Query, QUEUED_QUERY } from "./job_query.ts";
import { prepareStatements, type Statements } from "./job_statements.ts";
import { ChangeLog } from "./change_log.ts";
import { openDatabase, openError } from "./open_database.ts";
import { type NotificationOutcome, Outbox } from "./outbox.ts";

/** How many of them are remembered. Those that are not count as if they had run. */
const MAX_NEVER_RAN = 10_000;

type Change =
  | { readonly put: Job; readonly processIdentity: string | undefined }
  | { readonly delete: string }
  | { readonly told: NotificationOutcome };

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Options of {@linkcode SqliteStore.open}. */
export interface SqliteStoreOptions {
  /** Whether to keep a {@linkcode ChangeLog}; by default not. */
  readonly notesChanges?: boolean;
  /** See {@linkcode Outbox}; by default none. */
  readonly hooksOf?: (job: Job) => readonly string[];
}

/**
 * Keeps jobs in an SQLite database that only this process has open.
 *
 * All changes in one turn of the event loop share a commit, which is on the disk when their promises
 * are fulfilled (`synchronous = FULL`).
 */
export class SqliteStore implements JobStore {
  readonly #path: string;
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #pages: JobPages;
  /** What has changed since when; `null` if nobody wants to know. */
  readonly changes: ChangeLog | null;
  /** Who is still to be told of jobs that have ended. */
  readonly outbox: Outbox;
  /** What was removed without having run: whoever wants to start it asks again soon. */
  readonly #neverRan = new Set<string>();
  #waiting: Waiting[] = [];

  private constructor(
    path: string,
    database: DatabaseSync,
    { notesChanges = false, hooksOf = () => [] }: SqliteStoreOptions,
  ) {
    this.#path = path;
    this.#file = identityOf(path);
    this.#database = database;
    this.#statements = prepareStatements(database);
    this.#pages = new JobPages(database);
    if (!notesChanges) ChangeLog.close(database);
    this.changes = notesChanges ? ChangeLog.open(database) : null;
    this.outbox = new Outbox(database, hooksOf);
  }

  /**
   * Opens a database, or creates one with mode 0600 if there is none.
   *
   * @param path the file
   * @throws `failed_precondition`, naming the file and the remedy, if it is damaged, is no database, has a
   *   newer version or cannot be written; `unavailable` if another process has it open or the disk is full.
   *   The file is left as it is.
   */
  static async open(
    path: string,
    options: SqliteStoreOptions = {},
  ): Promise<SqliteStore> {
    try {
      return new SqliteStore(path, await openDatabase(path), options);
    } catch (error) {
      throw openError(path, error);
    }
  }

  put(job: Job, processIdentity?: string): Promise<void> {
    return this.#enqueue({ put: job, processIdentity });
  }

  delete(jobId: string, { neverRan = false }: { readonly neverRan?: boolean } = {}): Promise<void> {
    if (this.#neverRan.size >= MAX_NEVER_RAN) this.#neverRan.clear();
    if (neverRan) this.#neverRan.add(jobId);
    return this.#enqueue({ delete: jobId });
  }

  /** Records what has come of telling a webhook. */
  settle(outcome: NotificationOutcome): Promise<void> {
    return this.#enqueue({ told: outcome });
  }

  queued(): Promise<QueuedJob[]> {
    return this.#readRows(QUEUED_QUERY, ({ job_id, owner, record_bytes }) => ({
      jobId: String(job_id),
      owner: String(owner),
      recordBytes: Number(record_bytes),
    }));
  }

  unfinished(): Promise<StoredJob[]> {
    return this.#read(() => {
      const found: StoredJob[] = [];
      // One by one, because all of them together may not fit into memory.
      for (const { record, birth } of this.#statements.unfinished.iterate()) {
        const { jobId, pid, containment } = decodeJob(String(record));
        found.push({ job: { jobId, pid, containment }, processIdentity: String(birth ?? "") });
      }
      return found;
    });
  }

  get(jobId: string): Promise<Job | undefined> {
    const isAbout = (change: Change) => jobIdOf(change) === jobId;
    return this.#read(() => jobOf(this.#statements.get.get(jobId)), isAbout);
  }

  wasRemoved(jobId: string): Promise<boolean> {
    return this.#read(() =>
      !this.#neverRan.has(jobId) && (this.changes?.hasRemoved(jobId) ?? false)
    );
  }

  findByRequest(owner: string, requestId: string): Promise<Job | undefined> {
    const isAbout = (change: Change) =>
      "delete" in change ||
      "put" in change && change.put.requestId === requestId && change.put.owner === owner;
    return this.#read(
      () => jobOf(this.#statements.findByRequest.get(owner, requestId)),
      isAbout,
    );
  }

  list(filter: JobFilter, page: JobPage): Promise<Job[]> {
    return this.#read(() => {
      const { sql, values } = this.#pages.query(filter, page);
      const pageLimit = new PageLimit(page);
      const found: Job[] = [];
      for (const row of this.#database.prepare(sql).iterate(...values)) {
        const record = String(row.record);
        if (!pageLimit.admit(record)) break;
        found.push(decodeJob(record));
      }
      return found;
    });
  }

  async countByStatus(filter: JobFilter): Promise<StatusCounts> {
    return await this.#read(() => this.#pages.countByStatus(filter));
  }

  /** How many jobs run, and wait. */
  counts(): Promise<{ readonly running: number; readonly queued: number }> {
    return this.#read(() => {
      const { running, queued } = this.#statements.counts.get() ?? {};
      return { running: Number(running), queued: Number(queued) };
    });
  }

  finished(filter: FinishedFilter, page: FinishedPage): Promise<FinishedJob[]> {
    return this.#readRows(finishedQuery(filter, page), (row) => ({
      jobId: String(row.job_id),
      owner: String(row.owner),
      finishedAt: Number(row.finished_at),
      bytes: Number(row.log_bytes),
    }));
  }

  holdings(filter: FinishedFilter): Promise<Holding[]> {
    return this.#readRows(holdingsQuery(filter), (row) => ({
      owner: String(row.owner),
      jobs: Number(row.jobs),
      bytes: Number(row.log_bytes),
      oldest: String(row.oldest),
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#read(() => this.#database.close());
  }

  #enqueue(change: Change): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // This is the first change of the turn: its commit includes all that follow in the turn.
    if (this.#waiting.length === 0) setImmediate(() => this.#commit());
    this.#waiting.push({ change, resolve, reject });
    return promise;
  }

  /**
   * Makes a read see all earlier changes, by committing those of the current turn now.
   *
   * @param isAbout whether it could see a change: without one the turn goes on, and more of them share a commit
   */
  #read<T>(query: () => T, isAbout: (change: Change) => boolean = () => true): Promise<T> {
    if (this.#waiting.some(({ change }) => isAbout(change))) this.#commit();
    return Promise.try(query);
  }

  #readRows<T>({ sql, values }: Query, of: (row: Row) => T): Promise<T[]> {
    return this.#read(() => this.#database.prepare(sql).all(...values).map(of));
  }

  #commit(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const settled: (() => void)[] = [];
    try {
      this.#checkFile();
      this.#database.exec("BEGIN IMMEDIATE");
      for (const { change, resolve, reject } of waiting) {
        const refusal = "put" in change ? this.#refusal(change.put) : null;
        settled.push(refusal === null ? resolve : () => reject(refusal));
        if (refusal !== null) continue;
        this.#apply(change);
        if ("put" in change && change.put.end !== null) this.outbox.note(change.put);
        this.changes?.note(jobIdOf(change));
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      const why = new JobWorkerError("unavailable", `Cannot record jobs: ${messageOf(error)}`, {
        cause: error,
      });
      for (const { reject } of waiting) reject(why);
      return;
    }
    for (const settle of settled) settle();
    this.changes?.committed();
    this.outbox.committed();
  }

  /** SQLite keeps writing to a file that was removed, and its records would be gone with this process. */
  #checkFile(): void {
    if (identityOf(this.#path) === this.#file) return;
    throw new Error(
      `the database "${this.#path}" was removed or replaced while it is in use, so that nothing would be ` +
        "left of the record; stop the daemon, and put the file back or start with a new one",
    );
  }

  /** Why a job is not put, although those of the same commit are; `null` for one that is. */
  #refusal(job: Job): JobWorkerError | null {
    if (job.name === "" || job.end !== null) return null;
    const row = this.#statements.namesake.get(job.owner, job.name, job.jobId);
    return row === undefined ? null : nameTaken(decodeJob(String(row.record)));
  }

  #apply(change: Change): void {
    const { put, putProcess, putEnd, putLabel, remove } = this.#statements;
    if ("delete" in change) {
      remove.run(change.delete);
      return;
    }
    if ("told" in change) {
      this.outbox.settle(change.told);
      return;
    }
    const { put: job, processIdentity } = change;
    const { jobId, owner, labels, end } = job;
    const [status, startedAt] = [statusOf(job), beganAt(job)];
    const record = JSON.stringify(job);
    const bytes = retainedBytes(job, record);
    // Most jobs that are there already have just got their process, or ended, and this touches fewer indexes.
    const isDone = processIdentity !== undefined
      ? putProcess.run(record, processIdentity, jobId, status, startedAt).changes === 1
      : end !== null &&
        putEnd.run(status, record, end.finishedAt, bytes, jobId, startedAt).changes === 1;
    if (isDone) return;
    put.run(
      jobId,
      owner,
      job.name === "" ? null : job.name,
      status,
      job.requestId === "" ? null : job.requestId,
      startedAt,
      processIdentity ?? null,
      record,
      end?.finishedAt ?? null,
      bytes,
    );
    for (const [name, value] of Object.entries(labels)) putLabel.run(name, value, jobId);
  }
}

function jobIdOf(change: Change): string {
  return "delete" in change
    ? change.delete
    : "told" in change
    ? change.told.jobId
    : change.put.jobId;
}

/** Identifies the file at a path; `""` if there is none. */
function identityOf(path: string): string {
  try {
    const { dev, ino, birthtime } = Deno.statSync(path);
    return [dev, ino, birthtime?.getTime()].join(":");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

type Row = Readonly<Record<string, unknown>>;

function jobOf(row: Row | undefined): Job | undefined {
  return row === undefined ? undefined : decodeJob(String(row.record));
}
