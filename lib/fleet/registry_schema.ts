import { ID_END, SKEW } from "../store/migrations.ts";

/**
 * The schema of a registry, as the steps that led to it. A step that has been released never changes. What is about
 * jobs has the names by which `JobQuery` finds them.
 */
export const REGISTRY_SCHEMA: readonly string[] = [
  `
  -- record holds the whole job as JSON, without the values of variables.
  CREATE TABLE jobs (
    job_id TEXT NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    -- That of the host's change log; 0 before it is there, -1 while the host tells anew what it has.
    revision INTEGER NOT NULL,
    owner TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    record TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX jobs_by_owner ON jobs (owner, job_id);
  CREATE INDEX jobs_by_status ON jobs (status, job_id);
  CREATE INDEX jobs_by_host ON jobs (host, job_id);
  CREATE INDEX jobs_by_skew ON jobs (${SKEW});

  CREATE TABLE labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
    PRIMARY KEY (name, value, job_id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX labels_by_job ON labels (job_id);

  CREATE TABLE hosts (
    name TEXT NOT NULL PRIMARY KEY,
    -- Up to where its changes are known.
    epoch TEXT NOT NULL,
    revision INTEGER NOT NULL,
    -- 1 while it tells anew what it has, and more is to come.
    is_anew INTEGER NOT NULL,
    heard_at INTEGER NOT NULL,
    -- What it has said of itself, as JSON.
    facts TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;

  -- Where a start went, before it did.
  CREATE TABLE starts (
    owner TEXT NOT NULL,
    request_id TEXT NOT NULL,
    host TEXT NOT NULL,
    placed_at INTEGER NOT NULL,
    PRIMARY KEY (owner, request_id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX starts_by_time ON starts (placed_at);
  `,
  `
  -- Which job a start has become.
  DROP TABLE starts;
  CREATE TABLE starts (
    owner TEXT NOT NULL,
    request_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    PRIMARY KEY (owner, request_id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX starts_by_time ON starts (started_at);

  -- The starts that wait for a host, or have one that has not answered. Their jobs are in the table of jobs, too.
  CREATE TABLE queue (
    job_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    priority INTEGER NOT NULL,
    -- Where it may run, as JSON.
    selector TEXT NOT NULL,
    -- The one that it was given to; empty while it waits.
    host TEXT NOT NULL,
    is_answered INTEGER NOT NULL,
    may_wait INTEGER NOT NULL,
    reruns INTEGER NOT NULL,
    -- What the record of its job and what is sealed take.
    bytes INTEGER NOT NULL,
    -- What is to be started and for whom, encrypted with a key that is not in this file.
    sealed BLOB NOT NULL
  ) STRICT;
  -- All that is looked at to find the next one.
  CREATE INDEX queue_in_turn ON queue (host, selector, owner, priority, job_id, bytes);

  -- When each owner had a turn last, as a number that grows.
  CREATE TABLE turns (
    owner TEXT NOT NULL PRIMARY KEY,
    turn INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  `,
  `
  -- Null for a job without one. Hosts that start jobs by themselves may each have one of the same name.
  ALTER TABLE jobs ADD COLUMN name TEXT;
  -- Where it was to run, as JSON. Null for a job that this hub was not asked for.
  ALTER TABLE jobs ADD COLUMN selector TEXT;
  CREATE INDEX jobs_by_name ON jobs (name, job_id) WHERE name IS NOT NULL;
  CREATE INDEX jobs_by_end ON jobs (${ID_END});
  `,
  `
  -- By which the jobs of one owner are counted by their status.
  CREATE INDEX jobs_by_owner_and_status ON jobs (owner, status, job_id);
  `,
];
