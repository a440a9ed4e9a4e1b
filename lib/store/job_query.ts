import { idPrefixAt } from "../ids.ts";
import type { FinishedFilter, FinishedPage, JobPage } from "../job/job_store.ts";
import type { JobFilter } from "../job/types.ts";
import { ID_END, ID_END_LENGTH, SKEW } from "./migrations.ts";

/** A statement with the values of its parameters. */
export interface Query {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** How far the times in the job ids are ahead of the starts of the jobs, in milliseconds. */
export interface Skew {
  readonly least: number;
  readonly most: number;
}

export const SKEW_SQL =
  `SELECT (SELECT min(${SKEW}) FROM jobs) AS least, (SELECT max(${SKEW}) FROM jobs) AS most`;

/** A condition that an index covers, with the ids in order after it. */
interface Term {
  readonly index: string;
  readonly condition: string;
  /** The same condition, for a job that was found by another term. */
  readonly check: string;
  readonly values: readonly string[];
}

/** How far the jobs that a term finds are counted; terms that find more are treated alike. */
const MAX_COUNTED = 10_000;

/**
 * The pages of jobs that match a filter, newest first. Ids are UUIDv7, so they are in the order of time.
 *
 * The jobs are found by the index of one term of the filter, the leading one, and the other terms are checked.
 * That takes long if the leading term is common and another is rare, so the rarest should lead.
 */
export class JobQuery {
  readonly #terms: readonly Term[];
  /** Conditions on the id, which every index has, and what remains of those on the start. */
  readonly #ids: Condition;
  readonly #start: Condition;
  readonly #limit: number;
  readonly #columns: string;

  /**
   * @param skew only needed for a filter by start
   * @param columns what is wanted of each job
   */
  constructor(
    filter: JobFilter,
    page: JobPage,
    skew: Skew | null = null,
    columns: readonly string[] = ["record"],
  ) {
    this.#columns = columns.join(", ");
    this.#terms = termsOf(filter);
    this.#ids = rangeOf("job_id", idBounds(filter, page, skew));
    this.#start = rangeOf("started_at", [filter.startedAfter, filter.startedBefore]);
    this.#limit = page.limit;
  }

  /** Queries for how many jobs each term finds, to choose the leading one; none if there is no choice. */
  get counts(): Query[] {
    if (this.#terms.length < 2) return [];
    return this.#terms.map(({ index, condition, values }) => ({
      sql: "SELECT count(*) AS count FROM " +
        `(SELECT 1 FROM ${index}${where([condition, ...this.#ids.sql])} LIMIT ${MAX_COUNTED})`,
      values: [...values, ...this.#ids.values],
    }));
  }

  /** @param leading which of {@linkcode counts} was the smallest */
  page(leading = 0): Query {
    const lead = this.#terms[leading];
    const others = this.#terms.filter((term) => term !== lead);
    const from = lead === undefined
      ? "jobs"
      : lead.index === "labels"
      ? "labels CROSS JOIN jobs USING (job_id)"
      : lead.index;
    const conditions = [
      ...lead === undefined ? [] : [lead.condition],
      ...this.#ids.sql,
      ...this.#start.sql,
      ...others.map(({ check }) => check),
    ];
    return {
      sql: `SELECT ${this.#columns} FROM ${from}${where(conditions)} ORDER BY job_id DESC LIMIT ?`,
      values: [
        ...lead?.values ?? [],
        ...this.#ids.values,
        ...this.#start.values,
        ...others.flatMap(({ values }) => values),
        this.#limit,
      ],
    };
  }
}

function termsOf({ statuses, owner, jobIdSuffix, name, host, labels = {} }: JobFilter): Term[] {
  const terms: Term[] = Object.entries(labels).map((values) => ({
    index: "labels",
    condition: "labels.name = ? AND labels.value = ?",
    check: "EXISTS (SELECT 1 FROM labels AS l " +
      "WHERE l.name = ? AND l.value = ? AND l.job_id = jobs.job_id)",
    values,
  }));
  const [status, ...others] = statuses ?? [];
  const ofOwner = owner !== undefined && status !== undefined && others.length === 0;
  if (ofOwner) {
    const condition = "owner = ? AND status = ?";
    terms.push({
      index: "jobs INDEXED BY jobs_by_owner_and_status",
      condition,
      check: condition,
      values: [owner, status],
    });
  } else if (owner !== undefined) {
    terms.push({
      index: "jobs INDEXED BY jobs_by_owner",
      condition: "owner = ?",
      check: "owner = ?",
      values: [owner],
    });
  }
  if (jobIdSuffix !== undefined) {
    // The index has the last characters; the rest of a longer end is compared.
    const condition = `${ID_END} >= ? AND ${ID_END} < ? AND job_id LIKE ?`;
    const end = [...jobIdSuffix].reverse().slice(0, ID_END_LENGTH).join("");
    terms.push({
      index: "jobs INDEXED BY jobs_by_end",
      condition,
      check: condition,
      // "g" sorts after every hex digit.
      values: [end, `${end}g`, `%${jobIdSuffix}`],
    });
  }
  if (name !== undefined) {
    terms.push({
      index: "jobs INDEXED BY jobs_by_name",
      condition: "jobs.name = ?",
      check: "jobs.name = ?",
      values: [name],
    });
  }
  // Only a registry has hosts.
  if (host !== undefined) {
    terms.push({
      index: "jobs INDEXED BY jobs_by_host",
      condition: "host = ?",
      check: "host = ?",
      values: [host],
    });
  }
  if (statuses !== undefined && !ofOwner) {
    // Next to an empty list, which is a constant, SQLite has no use for an index on names.
    const condition = `status IN (${statuses.map(() => "?").join(", ") || "''"})`;
    terms.push({
      index: "jobs INDEXED BY jobs_by_status",
      condition,
      check: condition,
      values: statuses,
    });
  }
  return terms;
}

/** From the first, inclusive, up to the second, exclusive; `undefined` is no bound. */
type Bounds<T> = readonly [T | undefined, T | undefined];

/** An index is searched with one bound at each end, the narrowest. */
function idBounds(filter: JobFilter, { before }: JobPage, skew: Skew | null): Bounds<string> {
  const { jobIdPrefix, startedAfter, startedBefore } = filter;
  const from: string[] = [];
  const below: string[] = before === undefined ? [] : [before];
  // "g" sorts after every hex digit.
  if (jobIdPrefix) from.push(jobIdPrefix), below.push(`${jobIdPrefix}g`);
  if (skew !== null && startedAfter !== undefined) {
    from.push(idPrefixAt(Math.floor(startedAfter + skew.least)));
  }
  if (skew !== null && startedBefore !== undefined) {
    below.push(idPrefixAt(Math.ceil(startedBefore + skew.most)));
  }
  return [from.toSorted().at(-1), below.toSorted()[0]];
}

interface Condition {
  readonly sql: readonly string[];
  readonly values: readonly (string | number)[];
}

function rangeOf(column: string, [from, below]: Bounds<string | number>): Condition {
  return {
    sql: [
      ...from === undefined ? [] : [`${column} >= ?`],
      ...below === undefined ? [] : [`${column} < ?`],
    ],
    values: [from, below].filter((bound) => bound !== undefined),
  };
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
}

/** The query for how many rows a query finds. */
export function counted({ sql, values }: Query): Query {
  return { sql: `SELECT count(*) AS count FROM (${sql})`, values };
}

/** The query for the jobs that wait in the queue, oldest first. */
export const QUEUED_QUERY: Query = {
  // Which tells the length of a record without reading it.
  sql: "SELECT job_id, owner, octet_length(record) AS record_bytes FROM jobs " +
    "INDEXED BY jobs_by_status WHERE status = ? ORDER BY job_id",
  values: ["queued"],
};

/** The query for what retention is based on, oldest first, answered by an index alone. */
export function finishedQuery(filter: FinishedFilter, { after, limit }: FinishedPage): Query {
  const index = filter.owner === undefined ? "jobs_finished" : "jobs_by_owner";
  const finished = finishedCondition(filter);
  return {
    sql: `SELECT job_id, owner, finished_at, log_bytes FROM jobs INDEXED BY ${index}` +
      `${where([...finished.sql, "job_id > ?"])} ORDER BY job_id LIMIT ?`,
    values: [...finished.values, after, limit],
  };
}

/** The query for what each owner has of finished jobs, answered by an index alone. */
export function holdingsQuery(filter: FinishedFilter): Query {
  const { sql, values } = finishedCondition(filter);
  return {
    sql: "SELECT owner, count(*) AS jobs, sum(log_bytes) AS log_bytes, min(job_id) AS oldest " +
      `FROM jobs INDEXED BY jobs_by_owner${where(sql)} GROUP BY owner`,
    values,
  };
}

function finishedCondition({ owner, since, before }: FinishedFilter): Condition {
  const times = rangeOf("finished_at", [since, before]);
  return {
    sql: [...owner === undefined ? [] : ["owner = ?"], "finished_at IS NOT NULL", ...times.sql],
    values: [...owner === undefined ? [] : [owner], ...times.values],
  };
}
