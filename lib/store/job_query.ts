import { idPrefixAt } from "../ids.ts";
import type { JobPage } from "../job/job_store.ts";
import type { JobFilter } from "../job/types.ts";
import { SKEW } from "./migrations.ts";

/** A statement with the values of its parameters. */
export interface Query {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** How far the times in the ids of all jobs are ahead of their starts, in milliseconds. */
export interface Skew {
  readonly least: number;
  readonly most: number;
}

export const SKEW_SQL =
  `SELECT (SELECT min(${SKEW}) FROM jobs) AS least, (SELECT max(${SKEW}) FROM jobs) AS most`;

/** A condition that an index answers, with the ids in their order behind it. */
interface Term {
  readonly index: string;
  readonly condition: string;
  /** The same, of a job that was found by another term. */
  readonly check: string;
  readonly values: readonly string[];
}

/** Up to so many jobs it is counted how many a term finds; beyond, terms are all alike. */
const MAX_COUNTED = 10_000;

/**
 * The pages of jobs that pass a filter, newest first. Ids are UUIDv7, so their order is that of time.
 *
 * One term of the filter leads, by whose index the jobs are found, and the others are checked. Where
 * the first is common and another is rare, that takes long: so the rarest should lead.
 */
export class JobQuery {
  readonly #terms: readonly Term[];
  /** What is asked of the ids, which every index has, and what is left of the start. */
  readonly #ids: Condition;
  readonly #start: Condition;
  readonly #limit: number;

  /** @param skew needed for a filter by start */
  constructor(filter: JobFilter, page: JobPage, skew: Skew | null = null) {
    this.#terms = termsOf(filter);
    this.#ids = rangeOf("job_id", idBounds(filter, page, skew));
    this.#start = rangeOf("started_at", [filter.startedAfter, filter.startedBefore]);
    this.#limit = page.limit;
  }

  /** How many jobs each term finds: the queries to choose by who leads; none if there is no choice. */
  get counts(): Query[] {
    if (this.#terms.length < 2) return [];
    return this.#terms.map(({ index, condition, values }) => ({
      sql: "SELECT count(*) AS count FROM " +
        `(SELECT 1 FROM ${index}${where([condition, ...this.#ids.sql])} LIMIT ${MAX_COUNTED})`,
      values: [...values, ...this.#ids.values],
    }));
  }

  /** @param leading which of {@linkcode counts} was the least */
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
      sql: `SELECT record FROM ${from}${where(conditions)} ORDER BY job_id DESC LIMIT ?`,
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

function termsOf({ statuses, owner, labels = {} }: JobFilter): Term[] {
  const terms: Term[] = Object.entries(labels).map((values) => ({
    index: "labels",
    condition: "labels.name = ? AND labels.value = ?",
    check: "EXISTS (SELECT 1 FROM labels AS l " +
      "WHERE l.name = ? AND l.value = ? AND l.job_id = jobs.job_id)",
    values,
  }));
  if (owner !== undefined) {
    terms.push({
      index: "jobs INDEXED BY jobs_by_owner",
      condition: "owner = ?",
      check: "owner = ?",
      values: [owner],
    });
  }
  if (statuses !== undefined) {
    const condition = `status IN (${statuses.map(() => "?").join(", ")})`;
    terms.push({
      index: "jobs INDEXED BY jobs_by_status",
      condition,
      check: condition,
      values: statuses,
    });
  }
  return terms;
}

/** From the first, below the second; `undefined` is no bound. */
type Bounds<T> = readonly [T | undefined, T | undefined];

/** An index is entered by one bound at each end: the narrowest of all. */
function idBounds(filter: JobFilter, { before }: JobPage, skew: Skew | null): Bounds<string> {
  const { jobIdPrefix, startedAfter, startedBefore } = filter;
  const from: string[] = [];
  const below: string[] = before === undefined ? [] : [before];
  // "g" sorts behind every hex digit.
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

/** The query for what retention goes by, newest first, out of an index that has all of it. */
export function finishedQuery({ before, limit }: JobPage, owner?: string): Query {
  const ids = rangeOf("job_id", [undefined, before]);
  const index = owner === undefined ? "jobs_finished" : "jobs_by_owner";
  const whose = owner === undefined ? [] : [owner];
  const conditions = [...whose.map(() => "owner = ?"), "finished_at IS NOT NULL", ...ids.sql];
  return {
    sql: `SELECT job_id, finished_at, log_bytes FROM jobs INDEXED BY ${index}` +
      `${where(conditions)} ORDER BY job_id DESC LIMIT ?`,
    values: [...whose, ...ids.values, limit],
  };
}
