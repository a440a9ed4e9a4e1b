import { statusOf } from "../job/types.ts";
import { paintFor } from "./color.ts";
import type { Context } from "./context.ts";
import type { Job } from "./job_client.ts";
import { cellOf, type ColumnName, headingOf, usualColumns } from "./job_columns.ts";
import { shortLength } from "./short_ids.ts";
import { table } from "./table.ts";

/** Options of {@linkcode jobTable}. */
export interface JobTableOptions {
  /** Which columns; `undefined` for those that say something about these jobs. */
  readonly columns: readonly ColumnName[] | undefined;
  /** The maximum width of a line. */
  readonly width: number;
}

/** Jobs as the lines of a table with a heading, for people on a terminal. */
export async function jobTable(
  { io, settings }: Pick<Context, "io" | "settings">,
  jobs: readonly Job[],
  { columns = usualColumns(jobs), width }: JobTableOptions,
): Promise<string[]> {
  const idLength = shortLength(jobs.map(({ jobId }) => jobId));
  const shown = { now: Date.now(), idLength };
  const paint = paintFor(io.stdout, settings);
  const rows = jobs.map((job) => columns.map((name) => cellOf(name, job, shown)));
  return await table([columns.map(headingOf), ...rows], {
    columns: width,
    whole: columns.flatMap((name, column) => name === "id" ? [column] : []),
    paint: (text, row, column) => {
      const job = jobs[row - 1];
      const isStatus = columns[column] === "status";
      return job !== undefined && isStatus ? paint(text, statusOf(job)) : text;
    },
  });
}
