import type { Context } from "../context.ts";
import type { ListVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import type { Job, JobFilter } from "../job_client.ts";
import { COLUMN_NAMES, PIPE_COLUMNS, tabbedLine } from "../job_columns.ts";
import { allPages, type JobPage, jobPages } from "../job_pages.ts";
import { jobTable } from "../job_table.ts";
import { jobJson } from "../../job/job_json.ts";
import { timeOf } from "../moment.ts";
import { jsonLine } from "../../text/printable.ts";
import { appendChanges, watchTable } from "./watch_list.ts";

/** What fits a screen or two. */
const TERMINAL_LIMIT = 50;

/** How many of the others are counted. */
const MAX_COUNTED = 1_000;

/**
 * Lists jobs, newest first: as a table on a terminal, elsewhere as one line per job, separated by tabs,
 * or as JSON. It prints each page as it arrives, except for a table, which needs all of them to know its
 * widths. With `--watch` it goes on with what changes.
 */
export async function list(context: Context, verb: ListVerb): Promise<number> {
  const { io, settings } = context;
  const { isTerminal } = io.stdout;
  const filter = filterOf(verb);
  const limit = verb.limit ?? (isTerminal ? TERMINAL_LIMIT : Infinity);
  const form = verb.form ?? (settings.json ? "json" : undefined);
  if (isTerminal && form !== "json") {
    const columns = form === "wide" ? COLUMN_NAMES : form;
    if (verb.watch) return await watchTable(context, { filter, limit, columns });
    const width = form === "wide" ? Infinity : io.stdout.columns;
    const page = await allPages(jobPages(context, filter, limit));
    const { jobs } = page;
    if (jobs.length === 0) await tell(io, "No jobs");
    else await printLine(io.stdout, (await jobTable(context, jobs, { columns, width })).join("\n"));
    await tellMore(context, filter, jobs.length, page);
    return 0;
  }
  const line = lineOf(form);
  if (verb.watch) return await appendChanges(context, { filter, limit, line });
  let shown = 0;
  for await (const page of jobPages(context, filter, limit)) {
    const { jobs } = page;
    if (jobs.length > 0) await printLine(io.stdout, jobs.map(line).join("\n"));
    shown += jobs.length;
    if (isTerminal && shown >= limit) await tellMore(context, filter, shown, page);
  }
  return 0;
}

/** A job as a line for programs. */
function lineOf(form: ListVerb["form"]): (job: Job) => string {
  if (form === "json") return (job) => jsonLine(jobJson(job));
  const columns = form === "wide" ? COLUMN_NAMES : form ?? PIPE_COLUMNS;
  return (job) => tabbedLine(columns, job, Date.now());
}

/** Says how many jobs there are beside those that are shown. */
async function tellMore(
  context: Context,
  filter: JobFilter,
  shown: number,
  { hasMore, nextPageToken }: JobPage,
): Promise<void> {
  if (!hasMore || !context.io.stderr.isTerminal) return;
  // To count them, the daemon has to read them.
  const rest = await allPages(jobPages(context, filter, MAX_COUNTED, nextPageToken));
  const all = `${rest.hasMore ? "more than " : ""}${shown + rest.jobs.length}`;
  await tell(
    context.io,
    `Only the newest ${shown} of ${all} are shown. For more: --limit ${2 * shown}, or --limit all`,
  );
}

function filterOf({ status, owner, labels, since, until, name, host }: ListVerb): JobFilter {
  const now = Date.now();
  return {
    ...(status !== "all" && { statuses: [status] }),
    ...(owner !== "" && { owner }),
    labels,
    ...(since && { startedAfter: timeOf(since, now) }),
    ...(until && { startedBefore: timeOf(until, now) }),
    ...(name !== undefined && { name }),
    ...(host !== undefined && { host }),
  };
}
