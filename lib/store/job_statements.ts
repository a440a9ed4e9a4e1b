import type { DatabaseSync, StatementSync } from "node:sqlite";

/** The statements of a store, prepared once. */
export interface Statements {
  readonly put: StatementSync;
  /** Whether another job keeps one from being added. */
  readonly namesake: StatementSync;
  /** Writes no index. */
  readonly putProcess: StatementSync;
  /** Writes no index of the start. */
  readonly putEnd: StatementSync;
  readonly putLabel: StatementSync;
  readonly remove: StatementSync;
  readonly unfinished: StatementSync;
  readonly get: StatementSync;
  readonly findByRequest: StatementSync;
  readonly counts: StatementSync;
}

export function prepareStatements(database: DatabaseSync): Statements {
  return {
    put: database.prepare(
      `INSERT INTO jobs (job_id, owner, name, status, request_id, started_at, birth, record, finished_at,
         log_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (job_id) DO UPDATE SET status = excluded.status, record = excluded.record,
         started_at = excluded.started_at, birth = coalesce(excluded.birth, birth), finished_at = excluded.finished_at,
         log_bytes = excluded.log_bytes`,
    ),
    namesake: database.prepare(
      `SELECT record FROM jobs INDEXED BY jobs_by_live_name
       WHERE owner = ? AND name = ? AND status IN ('queued', 'running') AND job_id <> ?`,
    ),
    putProcess: database.prepare(
      `UPDATE jobs SET record = ?, birth = ?
       WHERE job_id = ? AND status = ? AND started_at = ? AND finished_at IS NULL`,
    ),
    putEnd: database.prepare(
      `UPDATE jobs SET status = ?, record = ?, finished_at = ?, log_bytes = ?
       WHERE job_id = ? AND started_at = ?`,
    ),
    putLabel: database.prepare(
      "INSERT INTO labels (name, value, job_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    remove: database.prepare("DELETE FROM jobs WHERE job_id = ?"),
    unfinished: database.prepare("SELECT record, birth FROM jobs WHERE status = 'running'"),
    get: database.prepare("SELECT record FROM jobs WHERE job_id = ?"),
    findByRequest: database.prepare("SELECT record FROM jobs WHERE owner = ? AND request_id = ?"),
    counts: database.prepare(
      `SELECT (SELECT count(*) FROM jobs WHERE status = 'running') AS running,
         (SELECT count(*) FROM jobs WHERE status = 'queued') AS queued`,
    ),
  };
}
