/**
 * The schema of a registry on PostgreSQL, as the steps that led to it. A step that has been released never changes.
 * docs/fleet.md tells users of it. Ids are compared byte by byte, as we do.
 */
export const POSTGRES_SCHEMA: readonly string[] = [
  `
  -- Whose registry this is.
  CREATE TABLE registry (
    schema INTEGER NOT NULL,
    fleet TEXT NOT NULL,
    -- Of the key with which what waits is sealed.
    queue_key_sha256 TEXT NOT NULL
  );

  -- record holds the whole job as JSON, without the values of variables.
  CREATE TABLE jobs (
    job_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The one that has it; empty if it waits, or has ended without any having it.
    host TEXT NOT NULL,
    -- That of the host's change log; 0 before it is there, -1 while the host tells anew what it has.
    revision BIGINT NOT NULL,
    -- When a hub has noted that it was started, in the order of asks; 0 if the host has told of it first.
    noted BIGINT NOT NULL,
    owner TEXT NOT NULL,
    -- Null for a job without one. Hosts that start jobs by themselves may each have one of the same name.
    name TEXT,
    status TEXT NOT NULL,
    -- In milliseconds since the Unix epoch, as all times are.
    started_at BIGINT NOT NULL,
    -- Where it was to run, as JSON. Null for a job that no hub was asked for.
    selector TEXT,
    record JSON NOT NULL
  );
  CREATE INDEX jobs_by_owner ON jobs (owner, job_id);
  CREATE INDEX jobs_by_status ON jobs (status, job_id);
  CREATE INDEX jobs_by_host ON jobs (host, job_id);
  CREATE INDEX jobs_by_name ON jobs (name, job_id) WHERE name IS NOT NULL;
  -- By which the id is found that somebody has typed the end of: ids of one time begin alike.
  CREATE INDEX jobs_by_end ON jobs (reverse(job_id));
  CREATE INDEX jobs_by_start ON jobs (started_at);
  -- What takes the slots of a host.
  CREATE INDEX jobs_live ON jobs (host) WHERE status IN ('queued', 'running');

  CREATE TABLE labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    job_id TEXT COLLATE "C" NOT NULL REFERENCES jobs ON DELETE CASCADE,
    PRIMARY KEY (name, value, job_id)
  );
  CREATE INDEX labels_by_job ON labels (job_id);

  CREATE TABLE hosts (
    name TEXT NOT NULL PRIMARY KEY,
    -- Up to where its changes are known.
    epoch TEXT NOT NULL,
    revision BIGINT NOT NULL,
    -- Whether it tells anew what it has, and more is to come.
    is_anew BOOLEAN NOT NULL,
    heard_at BIGINT NOT NULL,
    -- What it has said of itself.
    facts JSON NOT NULL
  );
  -- Puts what hubs ask and what they note into an order.
  CREATE SEQUENCE asks;

  -- Which job a start has become.
  CREATE TABLE starts (
    owner TEXT NOT NULL,
    request_id TEXT NOT NULL,
    job_id TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    PRIMARY KEY (owner, request_id)
  );
  CREATE INDEX starts_by_time ON starts (started_at);
  CREATE INDEX starts_by_job ON starts (job_id);

  -- The starts that wait for a host, or have one that has not answered. Their jobs are in the table of jobs, too.
  CREATE TABLE queue (
    job_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    priority INTEGER NOT NULL,
    -- Where it may run, as JSON.
    selector TEXT NOT NULL,
    -- The one that it was given to; empty while it waits.
    host TEXT NOT NULL,
    -- The hub that asks that host; empty while it waits, and once it has answered.
    hub TEXT NOT NULL,
    is_answered BOOLEAN NOT NULL,
    may_wait BOOLEAN NOT NULL,
    reruns BOOLEAN NOT NULL,
    -- What the record of its job and what is sealed take.
    bytes BIGINT NOT NULL,
    -- What is to be started and for whom, encrypted with a key that is not in this database.
    sealed BYTEA NOT NULL
  );
  CREATE INDEX queue_in_turn ON queue (host, owner, priority, job_id);

  -- When each owner had a turn last, as a number that grows.
  CREATE TABLE turns (
    owner TEXT NOT NULL PRIMARY KEY,
    turn BIGINT NOT NULL
  );

  -- The last transaction of each hub, by which one knows what has come of it whose connection broke in the middle.
  CREATE TABLE hubs (
    name TEXT NOT NULL PRIMARY KEY,
    batch TEXT NOT NULL,
    written_at TIMESTAMPTZ NOT NULL
  );

  -- For people who ask: not used by hubs.
  CREATE VIEW job_history AS
  SELECT job_id, host, owner, name, status,
    record->'command'->>'name' AS command,
    to_timestamp(started_at / 1000.0) AS started,
    to_timestamp((record->'end'->>'finishedAt')::double precision / 1000) AS finished,
    record->'end'->>'reason' AS reason,
    (record->'end'->'exitStatus'->>'code')::integer AS exit_code
  FROM jobs;
  `,
  `
  -- By which the jobs of one owner are counted by their status.
  CREATE INDEX jobs_by_owner_and_status ON jobs (owner, status, job_id);
  `,
];
