import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { JobPage } from "../job/job_store.ts";
import { countEach, MAX_COUNTED, type StatusCounts } from "../job/status_counts.ts";
import type { JobFilter } from "../job/types.ts";
import { counted, JobQuery, type Query, type Skew, SKEW_SQL } from "./job_query.ts";

/** Asks a table of jobs for those that match a filter. */
export class JobPages {
  readonly #database: DatabaseSync;
  readonly #columns: readonly string[] | undefined;
  readonly #skew: StatementSync;

  /** @param columns those of a row; that of the record by default */
  constructor(database: DatabaseSync, columns?: readonly string[]) {
    this.#database = database;
    this.#columns = columns;
    this.#skew = database.prepare(SKEW_SQL);
  }

  /** The query for a page of them, by the index that finds the fewest. */
  query(filter: JobFilter, page: JobPage, columns = this.#columns): Query {
    const byStart = (filter.startedAfter ?? filter.startedBefore) !== undefined;
    const query = new JobQuery(filter, page, byStart ? this.#measuredSkew() : null, columns);
    const counts = query.counts.map((each) => this.#count(each));
    return query.page(counts.length === 0 ? 0 : counts.indexOf(Math.min(...counts)));
  }

  /** See `JobStore.countByStatus()`. */
  countByStatus(filter: JobFilter): Promise<StatusCounts> {
    return countEach(
      filter,
      (filter) => this.#count(counted(this.query(filter, { limit: MAX_COUNTED }, ["1"]))),
    );
  }

  #count({ sql, values }: Query): number {
    return Number(this.#database.prepare(sql).get(...values)?.count);
  }

  #measuredSkew(): Skew {
    const { least, most } = this.#skew.get() ?? {};
    return { least: Number(least), most: Number(most) };
  }
}
