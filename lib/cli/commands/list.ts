import type { Context } from "../context.ts";
import type { ListVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import type { Job, JobFilter } from "../job_client.ts";
import { COLUMN_NAMES, PIPE_COLUMNS, tabbedLine } from "../job_columns.ts";
import { allPages, jobPages } from "../job_pages.ts";
import { jobTable } from "../job_table.ts";
import { jobJson } from "../../job/job_json.ts";
import { timeOf } from "../moment.ts";
import { jsonLine } from "../../text/printable.ts";
import { appendChanges, watchTable } from "./watch_list.ts";

/** What fits a screen or two. */
const TERMINAL_LIMIT = 50;

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
    const { jobs, hasMore } = await allPages(jobPages(context, filter, limit));
    if (jobs.length === 0) await tell(io, "No jobs");
    else await printLine(io.stdout, (await jobTable(context, jobs, { columns, width })).join("\n"));
    if (hasMore) await tell(io, moreText(jobs.length));
    return 0;
  }
  const line = lineOf(form);
  if (verb.watch) return await appendChanges(context, { filter, limit, line });
  let shown = 0;
  for await (const { jobs, hasMore } of jobPages(context, filter, limit)) {
    if (jobs.length > 0) await printLine(io.stdout, jobs.map(line).join("\n"));
    shown += jobs.length;
    if (isTerminal && hasMore && shown >= limit) await tell(io, moreText(shown));
  }
  return 0;
}

/** A job as a line for programs. */
function lineOf(form: ListVerb["form"]): (job: Job) => string {
  if (form === "json") return (job) => jsonLine(jobJson(job));
  const columns = form === "wide" ? COLUMN_NAMES : form ?? PIPE_COLUMNS;
  return (job) => tabbedLine(columns, job, Date.now());
}

/** How many more there are is not said: counting them would take the daemon longer than listing these. */
function moreText(shown: number): string {
  return `Only the newest ${shown} are shown. For more: --limit ${2 * shown}, or --limit all`;
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
