import type { Fragment, Sql } from "postgres";
import { decodeJob } from "../job/decode_job.ts";
import { beganAt, type HostSelector, type Job, statusOf } from "../job/types.ts";
import { redacted } from "../job/redacted.ts";
import { type KnownJob, knownJob } from "./known_job.ts";
import type { Transaction } from "./postgres_transaction.ts";

/** Less than that of any host. */
const HUB_REVISION = -1;

/** The job, if the registry knows it. */
export async function findJob(sql: Sql, jobId: string): Promise<KnownJob | undefined> {
  const [row] = await sql`
    SELECT host, record::text AS record, selector FROM jobs WHERE job_id = ${jobId}`;
  return row && knownJob(row);
}

/** The job of an owner that has a name and has not ended, as far as hosts have told. */
export async function findLive(sql: Sql, owner: string, name: string): Promise<Job | undefined> {
  const [row] = await sql`
    SELECT record::text AS record FROM jobs
    WHERE name = ${name} AND owner = ${owner} AND status IN ('queued', 'running')
    ORDER BY job_id DESC LIMIT 1`;
  return row && decodeJob(String(row.record));
}

/** How to take over what a host tells. */
export interface PutJobsOptions {
  /** That of the host's change log; 0 before the jobs are in there. */
  readonly revision: number;
  /** When a hub has noted them; 0 if the host tells of them. */
  readonly noted: number;
}

/**
 * Adds jobs of a host, or takes over newer copies of them. No host can say anything of the job of another.
 *
 * @returns the ids of those of which that was news
 */
export async function putJobs(
  { sql, changed }: Transaction,
  host: string,
  jobs: readonly Job[],
  { revision, noted }: PutJobsOptions,
): Promise<string[]> {
  if (jobs.length === 0) return [];
  const put = await sql`
    INSERT INTO jobs (job_id, host, revision, noted, owner, name, status, started_at, record)
    SELECT job_id, ${host}, ${revision}, ${noted}, owner, name, status, started_at, record::json
    FROM json_to_recordset(${rowsOf(jobs)}::text::json)
      AS told (job_id TEXT, owner TEXT, name TEXT, status TEXT, started_at BIGINT, record TEXT)
    ON CONFLICT (job_id) DO UPDATE SET revision = excluded.revision, status = excluded.status,
      started_at = excluded.started_at, record = excluded.record
    WHERE jobs.host = excluded.host AND excluded.revision > jobs.revision
    RETURNING job_id`;
  const ids = put.map(({ job_id }) => String(job_id));
  ids.forEach(changed);
  const known = new Set(ids);
  await putLabels(sql, jobs.filter(({ jobId }) => known.has(jobId)));
  return ids;
}

/** Writes down what a hub itself says of a job; what a host says of it from now on is newer. */
export async function setJob({ sql, changed }: Transaction, host: string, job: Job): Promise<void> {
  await sql`
    INSERT INTO jobs (job_id, host, revision, noted, owner, name, status, started_at, record)
    SELECT job_id, ${host}, ${HUB_REVISION}, 0, owner, name, status, started_at, record::json
    FROM json_to_recordset(${rowsOf([job])}::text::json)
      AS told (job_id TEXT, owner TEXT, name TEXT, status TEXT, started_at BIGINT, record TEXT)
    ON CONFLICT (job_id) DO UPDATE SET host = excluded.host, revision = excluded.revision,
      status = excluded.status, started_at = excluded.started_at, record = excluded.record`;
  changed(job.jobId);
  await putLabels(sql, [job]);
}

/** Writes down where a job was to run. */
export async function chooseFor(
  { sql }: Transaction,
  jobId: string,
  on: HostSelector,
): Promise<void> {
  await sql`UPDATE jobs SET selector = ${JSON.stringify(on)} WHERE job_id = ${jobId}`;
}

/**
 * Writes down what a host has told to somebody else: that a job of its own has ended. What it says of the job to us is
 * newer.
 *
 * @returns whether that was news
 */
export async function putEnd(
  { sql, changed }: Transaction,
  host: string,
  job: Job,
): Promise<boolean> {
  const { count } = await sql`
    UPDATE jobs SET status = ${statusOf(job)}, record = ${recordOf(job)}::text::json
    WHERE job_id = ${job.jobId} AND host = ${host} AND status IN ('queued', 'running')`;
  if (count === 0) return false;
  changed(job.jobId);
  return true;
}

/** @returns those that were there, and as old as that or older */
export async function removeJobs(
  { sql, changed }: Transaction,
  host: string,
  jobIds: readonly string[],
  revision: number = Number.MAX_SAFE_INTEGER,
): Promise<string[]> {
  if (jobIds.length === 0) return [];
  const removed = await sql`
    DELETE FROM jobs WHERE host = ${host} AND job_id IN ${
    oneOf(sql, jobIds)
  } AND revision < ${revision}
    RETURNING job_id`;
  const ids = removed.map(({ job_id }) => String(job_id));
  ids.forEach(changed);
  return ids;
}

/**
 * What a host tells anew takes the place of all that it told before, but for what it has not answered yet, and what
 * was noted only after it was asked.
 */
export async function markStale({ sql }: Transaction, host: string, ask: number): Promise<void> {
  await sql`
    UPDATE jobs SET revision = -1 WHERE host = ${host} AND noted < ${ask}
      AND job_id NOT IN (SELECT job_id FROM queue WHERE NOT is_answered)`;
}

export async function removeStale({ sql, changed }: Transaction, host: string): Promise<void> {
  const removed = await sql`
    DELETE FROM jobs WHERE host = ${host} AND revision = -1
      AND job_id NOT IN (SELECT job_id FROM queue WHERE NOT is_answered)
    RETURNING job_id`;
  for (const { job_id } of removed) changed(String(job_id));
}

/** A list of any length in a statement that is always the same, so that the server keeps one plan for it. */
export function oneOf(sql: Sql, values: readonly string[]): Fragment {
  return sql`(SELECT json_array_elements_text(${JSON.stringify(values)}::text::json))`;
}

async function putLabels(sql: Sql, jobs: readonly Job[]): Promise<void> {
  const labels = jobs.flatMap(({ jobId, labels }) =>
    Object.entries(labels).map(([name, value]) => ({ job_id: jobId, name, value }))
  );
  if (labels.length === 0) return;
  await sql`
    INSERT INTO labels (name, value, job_id)
    SELECT name, value, job_id FROM json_to_recordset(${JSON.stringify(labels)}::text::json)
      AS told (name TEXT, value TEXT, job_id TEXT)
    ON CONFLICT DO NOTHING`;
}

/** The columns of jobs, as JSON: one statement for any number of them. Of the same job it is the last that counts. */
function rowsOf(jobs: readonly Job[]): string {
  const rows = jobs.map((job) => ({
    job_id: job.jobId,
    owner: job.owner,
    name: job.name === "" ? null : job.name,
    status: statusOf(job),
    started_at: beganAt(job),
    record: recordOf(job),
  }));
  return JSON.stringify([...new Map(rows.map((row) => [row.job_id, row])).values()]);
}

function recordOf(job: Job): string {
  // How its owner called the request is nobody else's business, and whoever may read this sees no secret.
  return JSON.stringify({ ...redacted(job), requestId: "" });
}
