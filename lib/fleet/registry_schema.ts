import { SKEW } from "../store/migrations.ts";

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
];
