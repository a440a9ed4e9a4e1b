import type { JobFilter, JobPage } from "../worker/mod.ts";

/** A statement with the values of its parameters. */
export interface Query {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** The query for a page of jobs, newest first. Ids are UUIDv7, so their order is that of time. */
export function jobQuery(filter: JobFilter, page: JobPage): Query {
  const { statuses, owner, labels = {}, jobIdPrefix, startedAfter, startedBefore } = filter;
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  const add = (condition: string, ...parameters: (string | number)[]) => {
    conditions.push(condition);
    values.push(...parameters);
  };
  // The jobs with one label lie in their index in the order that is asked for: that label leads.
  const [leading, ...others] = Object.entries(labels);
  if (leading !== undefined) add("labels.name = ? AND labels.value = ?", ...leading);
  for (const label of others) {
    add(
      "EXISTS (SELECT 1 FROM labels AS l WHERE l.name = ? AND l.value = ? AND l.job_id = jobs.job_id)",
      ...label,
    );
  }
  if (statuses !== undefined) {
    add(`status IN (${statuses.map(() => "?").join(", ")})`, ...statuses);
  }
  if (owner !== undefined) add("owner = ?", owner);
  // "g" sorts behind every hex digit.
  if (jobIdPrefix) add("job_id >= ? AND job_id < ?", jobIdPrefix, `${jobIdPrefix}g`);
  if (startedAfter !== undefined) add("started_at >= ?", startedAfter);
  if (startedBefore !== undefined) add("started_at < ?", startedBefore);
  if (page.before !== undefined) add("job_id < ?", page.before);
  const from = leading === undefined ? "jobs" : "labels CROSS JOIN jobs USING (job_id)";
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  return {
    sql: `SELECT record FROM ${from} ${where} ORDER BY job_id DESC LIMIT ?`,
    values: [...values, page.limit],
  };
}

/** The query for what retention goes by, newest first. Whosever jobs: the index has all of it. */
export function finishedQuery(page: JobPage, owner?: string): Query {
  const { before, limit } = page;
  const conditions = ["finished_at IS NOT NULL"];
  const values: (string | number)[] = [];
  if (owner !== undefined) {
    conditions.push("owner = ?");
    values.push(owner);
  }
  if (before !== undefined) {
    conditions.push("job_id < ?");
    values.push(before);
  }
  return {
    sql: "SELECT job_id, finished_at, log_bytes FROM jobs INDEXED BY jobs_finished " +
      `WHERE ${conditions.join(" AND ")} ORDER BY job_id DESC LIMIT ?`,
    values: [...values, limit],
  };
}
