import type { Fragment, Sql } from "postgres";
import type { JobPage } from "../job/job_store.ts";
import { countEach, MAX_COUNTED, type StatusCounts } from "../job/status_counts.ts";
import type { JobFilter } from "../job/types.ts";

/** How many rows are fetched at a time: a single one may have megabytes. */
const FETCHED = 50;

/** Finds the rows of the jobs that match a filter, newest first. How, the server decides by its statistics. */
export async function* findJobs(
  sql: Sql,
  filter: JobFilter,
  { limit, before }: JobPage,
): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
  const conditions = conditionsOf(sql, filter);
  if (before !== undefined) conditions.push(sql`job_id < ${before}`);
  const where = allOf(sql, conditions);
  const rows = sql`
    SELECT record::text AS record, host, selector FROM jobs WHERE ${where} ORDER BY job_id DESC LIMIT ${limit}`;
  for await (const some of rows.cursor(FETCHED)) {
    yield* some;
  }
}

/** Counts the jobs that match a filter, by their status. */
export function countJobs(sql: Sql, filter: JobFilter): Promise<StatusCounts> {
  return countEach(filter, async (filter) => {
    const [row] = await sql`
      SELECT count(*) AS count FROM (
        SELECT 1 FROM jobs WHERE ${allOf(sql, conditionsOf(sql, filter))} LIMIT ${MAX_COUNTED}
      ) AS found`;
    return Number(row?.count);
  });
}

function allOf(sql: Sql, conditions: readonly Fragment[]): Fragment {
  return conditions.reduce((all, each) => sql`${all} AND ${each}`, sql`true`);
}

function conditionsOf(sql: Sql, filter: JobFilter): Fragment[] {
  const { statuses, owner, name, host, labels = {}, startedAfter, startedBefore } = filter;
  const { jobIdPrefix, jobIdSuffix } = filter;
  const conditions: Fragment[] = Object.entries(labels).map(([name, value]) =>
    sql`EXISTS (SELECT 1 FROM labels WHERE labels.job_id = jobs.job_id
      AND labels.name = ${name} AND labels.value = ${value})`
  );
  if (owner !== undefined) conditions.push(sql`owner = ${owner}`);
  if (name !== undefined) conditions.push(sql`name = ${name}`);
  if (host !== undefined) conditions.push(sql`host = ${host}`);
  if (statuses !== undefined) conditions.push(sql`status IN ${sql([...statuses])}`);
  // "g" sorts after every hex digit.
  if (jobIdPrefix) conditions.push(sql`job_id >= ${jobIdPrefix} AND job_id < ${jobIdPrefix + "g"}`);
  if (jobIdSuffix) {
    const end = [...jobIdSuffix].reverse().join("");
    conditions.push(sql`reverse(job_id) >= ${end} AND reverse(job_id) < ${end + "g"}`);
  }
  if (startedAfter !== undefined) conditions.push(sql`started_at >= ${Math.ceil(startedAfter)}`);
  if (startedBefore !== undefined) conditions.push(sql`started_at < ${Math.ceil(startedBefore)}`);
  return conditions;
}
