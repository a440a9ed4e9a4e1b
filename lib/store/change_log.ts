import type { DatabaseSync, StatementSync } from "node:sqlite";
import { WakeUp } from "../async/wake_up.ts";
import { decodeJob } from "../job/decode_job.ts";
import { PageLimit } from "../job/page_limit.ts";
import type { Job } from "../job/types.ts";

/** The steps of the schema that are about it. */
export const CHANGES_SCHEMA = `
  -- The last change of each job, while somebody wants to know. A job that is not there any more was removed.
  CREATE TABLE changes (
    revision INTEGER NOT NULL PRIMARY KEY,
    job_id TEXT NOT NULL UNIQUE
  ) STRICT;
  -- One row while changes are noted: since when without a gap, and up to which revision the removals are forgotten.
  CREATE TABLE change_log (
    epoch TEXT NOT NULL,
    forgotten INTEGER NOT NULL
  ) STRICT;
`;

/** How many removed jobs are remembered; whoever has missed more begins again. */
const MAX_REMOVED = 100_000;
/** How often those beyond are forgotten: after as many changes. */
const FORGET_EVERY = 10_000;

/** How much of the changes is told at once. */
const PAGE = { limit: 500, maxBytes: 256 * 1024 };

/** Up to where somebody knows the changes. */
export interface ChangesSince {
  /** Which log it is; `""`: none yet. */
  readonly epoch: string;
  readonly revision: number;
}

/** The changes of jobs, one page of them. A job that has changed several times is told once. */
export interface ChangesPage extends ChangesSince {
  /** Whether these are all jobs from the start: what was known of others before is over. */
  readonly isAnew: boolean;
  readonly jobs: readonly Job[];
  readonly removed: readonly string[];
  /** Whether there are more at the moment. */
  readonly hasMore: boolean;
}

/** Which jobs of a store have changed since when, for a copy that is to become equal to it. */
export class ChangeLog {
  readonly #database: DatabaseSync;
  readonly #note: StatementSync;
  readonly #page: StatementSync;
  readonly #removed: StatementSync;
  readonly #changed = new WakeUp();
  readonly #epoch: string;
  #forgotten: number;
  #last: number;

  private constructor(database: DatabaseSync, epoch: string, forgotten: number) {
    this.#database = database;
    this.#epoch = epoch;
    this.#forgotten = forgotten;
    this.#last = Number(
      database.prepare("SELECT max(revision) AS last FROM changes").get()?.last ?? 0,
    );
    this.#note = database.prepare(
      "INSERT OR REPLACE INTO changes (revision, job_id) VALUES (?, ?)",
    );
    this.#page = database.prepare(
      `SELECT revision, job_id, record FROM changes LEFT JOIN jobs USING (job_id)
       WHERE revision > ? ORDER BY revision LIMIT ?`,
    );
    this.#removed = database.prepare(
      "SELECT 1 FROM changes LEFT JOIN jobs USING (job_id) WHERE job_id = ? AND record IS NULL",
    );
  }

  /** Goes on with the log of a database, or begins one with all jobs that are there. */
  static open(database: DatabaseSync): ChangeLog {
    const row = database.prepare("SELECT epoch, forgotten FROM change_log").get();
    if (row !== undefined) {
      return new ChangeLog(database, String(row.epoch), Number(row.forgotten));
    }
    const epoch = crypto.randomUUID();
    database.exec(`
      BEGIN IMMEDIATE;
      INSERT INTO changes (revision, job_id)
        SELECT row_number() OVER (ORDER BY job_id), job_id FROM jobs;
      INSERT INTO change_log (epoch, forgotten) VALUES ('${epoch}', 0);
      COMMIT;
    `);
    return new ChangeLog(database, epoch, 0);
  }

  /** Ends the log of a database whose changes nobody wants to know: they would not be noted from now on. */
  static close(database: DatabaseSync): void {
    if (database.prepare("SELECT 1 FROM change_log").get() === undefined) return;
    database.exec("BEGIN IMMEDIATE; DELETE FROM changes; DELETE FROM change_log; COMMIT");
  }

  /** Notes a change, in the transaction that makes it. */
  note(jobId: string): void {
    this.#note.run(++this.#last, jobId);
    if (this.#last % FORGET_EVERY === 0) this.#forget();
  }

  /** Whether there was a job that has been removed, unless that is forgotten. */
  hasRemoved(jobId: string): boolean {
    return this.#removed.get(jobId) !== undefined;
  }

  /** Tells those who wait that changes have been committed. */
  committed(): void {
    this.#changed.notify();
  }

  /** Settles at the next change. */
  next(): Promise<void> {
    return this.#changed.next();
  }

  /** The changes since then, in their order. */
  read({ epoch, revision }: ChangesSince): ChangesPage {
    const isAnew = epoch !== this.#epoch || revision < this.#forgotten || revision > this.#last;
    const since = isAnew ? 0 : revision;
    const limit = new PageLimit(PAGE);
    const jobs: Job[] = [];
    const removed: string[] = [];
    let last = since;
    let hasMore = false;
    for (const row of this.#page.iterate(since, PAGE.limit + 1)) {
      const record = row.record === null ? "" : String(row.record);
      hasMore = !limit.admit(record);
      if (hasMore) break;
      last = Number(row.revision);
      if (record === "") removed.push(String(row.job_id));
      else jobs.push(decodeJob(record));
    }
    return { epoch: this.#epoch, revision: last, isAnew, jobs, removed, hasMore };
  }

  /** Forgets the oldest removals beyond those that are remembered. */
  #forget(): void {
    const removed = "FROM changes WHERE job_id NOT IN (SELECT job_id FROM jobs)";
    const row = this.#database.prepare(
      `SELECT revision ${removed} ORDER BY revision DESC LIMIT 1 OFFSET ${MAX_REMOVED}`,
    ).get();
    if (row === undefined) return;
    this.#forgotten = Number(row.revision);
    this.#database.prepare(`DELETE ${removed} AND revision <= ?`).run(this.#forgotten);
    this.#database.prepare("UPDATE change_log SET forgotten = ?").run(this.#forgotten);
  }
}
