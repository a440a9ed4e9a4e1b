/**
 * `list --watch`: on a terminal a table that changes, in a pipe lines that are appended. The daemon tells of each change.
 *
 * @module
 */

import { abortable } from "../../async/abortable.ts";
import { delay } from "../../async/delay.ts";
import { WakeUp } from "../../async/wake_up.ts";
import type { Context } from "../context.ts";
import { printLine } from "../io.ts";
import type { Job, JobFilter } from "../job_client.ts";
import type { ColumnName } from "../job_columns.ts";
import { allPages, jobPages } from "../job_pages.ts";
import { jobTable } from "../job_table.ts";
import { JobView } from "../job_view.ts";
import { Screen } from "../screen.ts";

/** However many changes there are, nobody reads faster. */
const MIN_FRAME_MS = 100;

/** How long a table says that the connection was lost: by then there is another one, or the call has failed. */
const LOST_MS = 30_000;

/** How often the times in a table, which count up, are looked at. */
const TICK_MS = 1_000;

/** Which jobs to watch. */
interface Watched {
  readonly filter: JobFilter;
  /** Only the newest; `Infinity` for all of them. */
  readonly limit: number;
}

/**
 * Shows a table, and draws it anew when one of its jobs changes, until the user leaves. It ends by itself only where the
 * user may see no such job.
 */
export async function watchTable(
  context: Context,
  { columns, ...watched }: Watched & { readonly columns: readonly ColumnName[] | undefined },
): Promise<number> {
  const { io, client } = context;
  const page = await allPages(jobPages(context, watched.filter, watched.limit));
  const view = new JobView(page, watched);
  const changes = new WakeUp();
  const ended = new AbortController();
  const signal = AbortSignal.any([io.interrupted, ended.signal]);
  let lines: readonly string[] = [];
  let notice = { text: "", until: 0 };
  // On the screen of the table, a line of anybody else would be overwritten.
  const { tell } = context.lost;
  context.lost.tell = (text) => {
    notice = { text, until: performance.now() + LOST_MS };
    changes.notify();
  };
  const draw = async (screen: Screen) => {
    for (let drawn = "";; await delay(MIN_FRAME_MS, { signal })) {
      const changed = changes.next();
      const isLost = performance.now() < notice.until;
      lines = await frameOf(context, view, { columns, notices: isLost ? [notice.text] : [] });
      const frame = lines.join("\n");
      if (frame !== drawn) await abortable(screen.draw(lines), signal);
      drawn = frame;
      await abortable(changed, signal);
    }
  };
  const timer = setInterval(() => changes.notify(), TICK_MS);
  try {
    await using screen = await Screen.open(io.stdout);
    const drawing = draw(screen).catch((error) => ended.abort(error));
    try {
      for await (const job of client.watchJobs({ filter: view.changes }, { signal })) {
        view.take(job);
        notice.until = 0;
        changes.notify();
      }
    } finally {
      ended.abort();
      await drawing;
    }
  } finally {
    clearInterval(timer);
    context.lost.tell = tell;
    // What was seen last stays on the terminal.
    await printLine(io.stdout, lines.join("\n")).catch(() => {});
  }
  return 0;
}

/** As many lines as fit the terminal. */
async function frameOf(
  context: Context,
  view: JobView,
  { columns, notices }: {
    readonly columns: readonly ColumnName[] | undefined;
    /** What stands below the jobs. */
    readonly notices: readonly string[];
  },
): Promise<string[]> {
  const jobs = view.newest();
  // One line is for the heading, and one for what is left out.
  const room = context.io.stdout.rows - 2 - notices.length;
  const shown = jobs.slice(0, Math.max(1, room));
  const { columns: width } = context.io.stdout;
  const below = notices.map((notice) => notice.slice(0, width));
  if (shown.length === 0) return ["No jobs", ...below];
  const lines = await jobTable(context, shown, { columns, width });
  const hasOlder = shown.length < jobs.length || view.hasOlder;
  return [...lines, ...hasOlder ? ["… and older ones"] : [], ...below];
}

/**
 * Prints the jobs as they are, then each again when it changes, until the user leaves. After a broken connection, the
 * daemon tells of all of them again.
 */
export async function appendChanges(
  context: Context,
  { line, ...watched }: Watched & { readonly line: (job: Job) => string },
): Promise<number> {
  const { io, client } = context;
  const signal = io.interrupted;
  const print = (text: string) => abortable(printLine(io.stdout, text), signal);
  let filter = watched.filter;
  /** What was printed of the newest jobs, which the watch begins with again. */
  const printed = new Map<string, string>();
  if (watched.limit < Infinity) {
    const page = await allPages(jobPages(context, filter, watched.limit));
    filter = new JobView(page, watched).changes;
    for (const job of page.jobs) {
      printed.set(job.jobId, line(job));
      await print(line(job));
    }
  }
  for await (const job of client.watchJobs({ filter }, { signal })) {
    const text = line(job);
    if (printed.get(job.jobId) === text) continue;
    if (printed.has(job.jobId)) printed.set(job.jobId, text);
    await print(text);
  }
  return 0;
}
