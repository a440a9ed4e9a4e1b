/**
 * What the queue on PostgreSQL asks, and the changes that consist of one statement or two.
 *
 * @module
 */

import type { Sql } from "postgres";
import type { Job, JobEnd } from "../job/types.ts";
import { NOWHERE } from "./known_job.ts";
import { findJob, setJob } from "./postgres_jobs.ts";
import type { Transaction } from "./postgres_transaction.ts";
import { checkQueueLimits, MAX_ENDED, type Queued, STARTS_KEPT_MS } from "./queue_rules.ts";
import type { Place, QueueLimits } from "./queue_store.ts";

type Row = Readonly<Record<string, unknown>>;

/** The first of these hosts that has a free slot; `NOWHERE` if there is none. */
export async function firstFree(sql: Sql, places: readonly Place[]): Promise<string> {
  if (places.length === 0) return NOWHERE;
  const [free] = await sql`
    SELECT name FROM json_to_recordset(${placesText(places)}::text::json)
      AS places (place INTEGER, name TEXT, slots INTEGER)
    WHERE slots > (SELECT count(*) FROM jobs WHERE host = places.name AND status IN ('queued', 'running'))
    ORDER BY place LIMIT 1`;
  return String(free?.name ?? NOWHERE);
}

/** For each place and owner the one that would be first, the next one of all at the front. */
export async function firstOfEach(sql: Sql): Promise<readonly Row[]> {
  return await sql`
    SELECT selector, owner, priority, min(job_id) AS job_id, coalesce(turn, 0) AS turn
    FROM queue LEFT JOIN turns USING (owner) WHERE host = ${NOWHERE}
    GROUP BY selector, owner, priority, turn ORDER BY priority DESC, coalesce(turn, 0), min(job_id)`;
}

/** Which one each job is of those that wait. */
export async function positionsOf(sql: Sql): Promise<ReadonlyMap<string, number>> {
  const rows = await sql`
    SELECT job_id FROM (
      SELECT job_id, priority, coalesce(turn, 0) AS turn,
        row_number() OVER (PARTITION BY priority, owner ORDER BY job_id) AS round
      FROM queue LEFT JOIN turns USING (owner) WHERE host = ${NOWHERE}
    ) AS waiting ORDER BY priority DESC, round, turn, job_id`;
  return new Map(rows.map(({ job_id }, index) => [String(job_id), index + 1]));
}

export async function takeTurn(sql: Sql, owner: string): Promise<void> {
  await sql`
    INSERT INTO turns (owner, turn) VALUES (${owner}, 1 + (SELECT coalesce(max(turn), 0) FROM turns))
    ON CONFLICT (owner) DO UPDATE SET turn = excluded.turn`;
}

export async function findStart(
  sql: Sql,
  owner: string,
  requestId: string,
): Promise<string | undefined> {
  if (requestId === "") return undefined;
  const [row] = await sql`
    SELECT job_id FROM starts WHERE owner = ${owner} AND request_id = ${requestId}`;
  return row && String(row.job_id);
}

/** @throws `resource_exhausted` if one more may not wait */
export async function checkLimits(
  sql: Sql,
  entry: { readonly owner: string; readonly bytes: number },
  limits: QueueLimits,
): Promise<void> {
  const [row] = await sql`
    SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes,
      count(*) FILTER (WHERE owner = ${entry.owner}) AS own_count,
      coalesce(sum(bytes) FILTER (WHERE owner = ${entry.owner}), 0) AS own_bytes
    FROM queue WHERE host = ${NOWHERE}`;
  const all: Queued = { count: Number(row?.count), bytes: Number(row?.bytes) };
  const own: Queued = { count: Number(row?.own_count), bytes: Number(row?.own_bytes) };
  checkQueueLimits(entry, { all, own }, limits);
}

/** A job has ended without any host having it. */
export async function endJob(
  transaction: Transaction,
  jobId: string,
  end: JobEnd,
): Promise<Job | undefined> {
  await transaction.sql`DELETE FROM queue WHERE job_id = ${jobId}`;
  const known = await findJob(transaction.sql, jobId);
  if (known === undefined) return undefined;
  const ended = { ...known.job, end };
  await setJob(transaction, NOWHERE, ended);
  return ended;
}

/** Forgets what is kept for a while only. */
export async function forgetOld(sql: Sql): Promise<void> {
  await sql`DELETE FROM starts WHERE started_at < ${Date.now() - STARTS_KEPT_MS}`;
  await sql`DELETE FROM hubs WHERE written_at < now() - interval '30 days'`;
  await sql`
    DELETE FROM jobs WHERE host = ${NOWHERE} AND job_id NOT IN (SELECT job_id FROM queue)
      AND job_id < (
        SELECT job_id FROM jobs WHERE host = ${NOWHERE} AND job_id NOT IN (SELECT job_id FROM queue)
        ORDER BY job_id DESC LIMIT 1 OFFSET ${MAX_ENDED}
      )`;
}

function placesText(places: readonly Place[]): string {
  return JSON.stringify(places.map(({ name, slots }, place) => ({ place, name, slots })));
}
