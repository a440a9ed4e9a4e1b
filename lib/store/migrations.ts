import type { DatabaseSync } from "node:sqlite";
import { CHANGES_SCHEMA } from "./change_log.ts";
import { OUTBOX_SCHEMA } from "./outbox.ts";

/** The time in the id of a job, as a JSON5 number. */
const ID_TIME = "'0x' || substr(job_id, 1, 8) || substr(job_id, 10, 4)";

/**
 * How far the time in the id of a job is ahead of its start, in milliseconds. It is a few behind, unless the
 * clock was changed. Null if the id is not a UUID. An index on this expression is only used where the
 * expression appears exactly like this.
 */
export const SKEW =
  `iif(json_valid(${ID_TIME}, 2), json_extract(${ID_TIME}, '$') - started_at, NULL)`;

/** The last characters of the id of a job, the very last one first: ids that end alike begin alike here. */
export const ID_END_LENGTH = 12;
export const ID_END = Array.from(
  { length: ID_END_LENGTH },
  (_, index) => `substr(job_id, ${36 - index}, 1)`,
).join(" || ");

/**
 * The schema, as the steps that led to it. A step that has been released never changes; the `user_version` of
 * a database is the number of steps that it has taken.
 */
export const JOB_SCHEMA: readonly string[] = [
  `
  -- record holds the whole job as JSON; the other columns are what is searched for.
  CREATE TABLE jobs (
    job_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    status TEXT NOT NULL,
    request_id TEXT,
    started_at INTEGER NOT NULL,
    -- Of the leader: boot id and start time. Null until it is known.
    birth TEXT,
    record TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX jobs_by_owner ON jobs (owner, job_id);
  CREATE INDEX jobs_by_status ON jobs (status, job_id);
  CREATE UNIQUE INDEX jobs_by_request ON jobs (owner, request_id) WHERE request_id IS NOT NULL;

  CREATE TABLE labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
    PRIMARY KEY (name, value, job_id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX labels_by_job ON labels (job_id);
  `,
  `
  -- What retention goes by, apart from the records, which may be large. Null while a job runs.
  ALTER TABLE jobs ADD COLUMN finished_at INTEGER;
  ALTER TABLE jobs ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE jobs SET
    finished_at = json_extract(record, '$.end.finishedAt'),
    log_bytes = json_extract(record, '$.logBytes');
  CREATE INDEX jobs_finished ON jobs (job_id, owner, finished_at, log_bytes)
    WHERE finished_at IS NOT NULL;
  `,
  `
  -- Between the extremes of this the ids of a span of time are found.
  CREATE INDEX jobs_by_skew ON jobs (${SKEW});
  -- With what retention goes by, too.
  DROP INDEX jobs_by_owner;
  CREATE INDEX jobs_by_owner ON jobs (owner, job_id, finished_at, log_bytes);
  `,
  CHANGES_SCHEMA,
  `
  -- Null for a job without one. Two of an owner that have not ended cannot have the same.
  ALTER TABLE jobs ADD COLUMN name TEXT;
  CREATE INDEX jobs_by_name ON jobs (name, job_id) WHERE name IS NOT NULL;
  CREATE UNIQUE INDEX jobs_by_live_name ON jobs (owner, name)
    WHERE name IS NOT NULL AND status IN ('queued', 'running');
  -- By which the id is found that somebody has typed the end of: ids of one time begin alike.
  CREATE INDEX jobs_by_end ON jobs (${ID_END});
  `,
  OUTBOX_SCHEMA,
  `
  -- By which the jobs of one owner are counted by their status.
  CREATE INDEX jobs_by_owner_and_status ON jobs (owner, status, job_id);
  `,
];

/** The version of the schema of a database; 0 if it is empty. */
export function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.user_version);
}

/** Takes the steps that a database lacks, all of them or none. */
export function migrate(database: DatabaseSync, schema: readonly string[] = JOB_SCHEMA): void {
  const from = schemaVersion(database);
  if (from === schema.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const step of schema.slice(from)) database.exec(step);
    database.exec(`PRAGMA user_version = ${schema.length}`);
    database.exec("COMMIT");
  } catch (error) {
    // Some errors, such as a full disk, have already rolled it back.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
