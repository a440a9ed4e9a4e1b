import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import { Batcher } from "../lib/async/batcher.ts";

/** What is kept of a job. */
export interface BareRecord {
  readonly jobId: string;
  readonly command: { readonly name: string; readonly args: readonly string[] };
  /** `null` while it runs. */
  readonly code: number | null;
}

/**
 * The least that has to be on a disk if nobody is to be told anything that a power cut could take: the record of a job
 * and a line of an audit trail before its start is answered, and how it ended before that is told. Its log is
 * there by then, see `bare_files.ts`.
 */
export class BareDisk {
  readonly #database: DatabaseSync;
  readonly #trail: Deno.FsFile;
  readonly #lines: Batcher<null, void>;
  readonly #commits: Batcher<BareRecord, void>;

  /** @param directory is there, and empty */
  constructor(directory: string) {
    const database = new DatabaseSync(`${directory}/jobs.db`);
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE jobs (job_id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID, STRICT;
    `);
    const put = database.prepare("INSERT OR REPLACE INTO jobs (job_id, record) VALUES (?, ?)");
    this.#database = database;
    this.#commits = new Batcher(async (records) => {
      // Those that come in the same turn share a commit.
      await new Promise<void>((resolve) => setImmediate(resolve));
      database.exec("BEGIN IMMEDIATE");
      for (const record of records) put.run(record.jobId, JSON.stringify(record));
      database.exec("COMMIT");
    });
    const trail = Deno.openSync(`${directory}/audit.log`, { append: true, create: true });
    this.#trail = trail;
    this.#lines = new Batcher(() => trail.syncData());
  }

  /** Before there is a process, so that whoever comes after a crash knows of it. */
  async begun(job: BareRecord): Promise<void> {
    await this.#commits.add(job);
  }

  async started(job: BareRecord): Promise<void> {
    const line = JSON.stringify({ time: new Date(), method: "startJob", ...job });
    this.#trail.writeSync(new TextEncoder().encode(`${line}\n`));
    await Promise.all([this.#lines.add(null), this.#commits.add(job)]);
  }

  async ended(job: BareRecord): Promise<void> {
    await this.#commits.add(job);
  }
}
