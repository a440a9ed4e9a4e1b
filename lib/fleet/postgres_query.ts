import type { Fragment, Sql } from "postgres";
import type { JobPage } from "../job/job_store.ts";
import type { JobFilter } from "../job/types.ts";

/** How many rows are fetched at a time: a single one may have megabytes. */
const FETCHED = 50;

/** Finds the jobs that match a filter, newest first. How, the server decides by its statistics. */
export async function* findJobs(
  sql: Sql,
  filter: JobFilter,
  { limit, before }: JobPage,
): AsyncGenerator<{ readonly record: string; readonly host: string }, void, undefined> {
  const conditions = conditionsOf(sql, filter);
  if (before !== undefined) conditions.push(sql`job_id < ${before}`);
  const where = conditions.reduce((all, each) => sql`${all} AND ${each}`, sql`true`);
  const rows = sql`
    SELECT record::text AS record, host FROM jobs WHERE ${where} ORDER BY job_id DESC LIMIT ${limit}`;
  for await (const some of rows.cursor(FETCHED)) {
    for (const { record, host } of some) yield { record: String(record), host: String(host) };
  }
}

function conditionsOf(sql: Sql, filter: JobFilter): Fragment[] {
  const { statuses, owner, host, labels = {}, jobIdPrefix, startedAfter, startedBefore } = filter;
  const conditions: Fragment[] = Object.entries(labels).map(([name, value]) =>
    sql`EXISTS (SELECT 1 FROM labels WHERE labels.job_id = jobs.job_id
      AND labels.name = ${name} AND labels.value = ${value})`
  );
  if (owner !== undefined) conditions.push(sql`owner = ${owner}`);
  if (host !== undefined) conditions.push(sql`host = ${host}`);
  if (statuses !== undefined) conditions.push(sql`status IN ${sql([...statuses])}`);
  // "g" sorts after every hex digit.
  if (jobIdPrefix) conditions.push(sql`job_id >= ${jobIdPrefix} AND job_id < ${jobIdPrefix + "g"}`);
  if (startedAfter !== undefined) conditions.push(sql`started_at >= ${Math.ceil(startedAfter)}`);
  if (startedBefore !== undefined) conditions.push(sql`started_at < ${Math.ceil(startedBefore)}`);
  return conditions;
}
