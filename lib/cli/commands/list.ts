import { formatSpan } from "../../text/duration.ts";
import { paintFor } from "../color.ts";
import type { Context } from "../context.ts";
import type { ListVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import type { Job, JobFilter } from "../job_client.ts";
import { jobPages } from "../job_pages.ts";
import { jobJson } from "../../job/job_json.ts";
import { commandText, dateText, statusText, tookText } from "../../job/job_words.ts";
import { statusOf } from "../../job/types.ts";
import { exitText } from "../job_text.ts";
import { timeOf } from "../moment.ts";
import { jsonLine, printable } from "../../text/printable.ts";
import { table } from "../table.ts";

/**
 * Lists jobs, newest first: as a table on a terminal, elsewhere as one line per job, separated by tabs,
 * or as JSON. It prints each page as it arrives, except for a table, which needs all of them to know its
 * widths.
 */
export async function list(context: Context, verb: ListVerb): Promise<number> {
  const { io, settings } = context;
  const pages = jobPages(context, filterOf(verb), verb.limit);
  if (io.stdout.isTerminal && !settings.json) {
    const jobs = (await Array.fromAsync(pages)).flat();
    if (jobs.length === 0) await tell(io, "No jobs");
    else await printLine(io.stdout, (await tableLines(jobs, context)).join("\n"));
    return 0;
  }
  const line = settings.json ? (job: Job) => jsonLine(jobJson(job)) : tabbedLine;
  for await (const jobs of pages) {
    if (jobs.length > 0) await printLine(io.stdout, jobs.map(line).join("\n"));
  }
  return 0;
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

/** The time in a UUIDv7 and its first random digits: practically unique, but for jobs of `run --all`. */
const SHORT_ID = 18;
const HEADING = ["JOB", "STATUS", "EXIT", "STARTED", "TOOK", "OWNER", "COMMAND"];
const STATUS_COLUMN = HEADING.indexOf("STATUS");
/** Where the host comes in between, if there are hosts. */
const HOST_COLUMN = HEADING.indexOf("OWNER");

async function tableLines(
  jobs: readonly Job[],
  { io, settings }: Context,
): Promise<string[]> {
  const now = Date.now();
  const paint = paintFor(io.stdout, settings);
  const hasHosts = jobs.some(({ host }) => host !== undefined);
  const length = distinctLength(jobs.map(({ jobId }) => jobId));
  const rows = jobs.map((job) => [
    printable(job.jobId.slice(0, length)),
    statusText(job),
    exitText(job),
    job.startedAt === null ? "-" : `${formatSpan(now - job.startedAt)} ago`,
    tookText(job, now) || "-",
    printable(job.owner),
    commandText(job),
  ]);
  const withHost = (row: string[], host: string) =>
    hasHosts ? row.toSpliced(HOST_COLUMN, 0, host) : row;
  const lines = [
    withHost(HEADING, "HOST"),
    ...rows.map((row, index) => withHost(row, hostText(jobs[index], now))),
  ];
  return await table(lines, {
    columns: io.stdout.columns,
    paint: (text, row, column) => {
      const job = jobs[row - 1];
      return job !== undefined && column === STATUS_COLUMN ? paint(text, statusOf(job)) : text;
    },
  });
}

/** How much of each id it takes to tell them apart, and no less than is usual. */
function distinctLength(jobIds: readonly string[]): number {
  const sorted = jobIds.toSorted();
  return sorted.reduce((length, jobId, index) => {
    const next = sorted[index + 1];
    let longer = length;
    // Ids that are the same stay so at any length.
    while (next !== jobId && next?.startsWith(jobId.slice(0, longer))) longer++;
    return longer;
  }, SHORT_ID);
}

/** The host of a job, and how long ago that was heard if it cannot be reached. */
function hostText(job: Job | undefined, now: number): string {
  if (job?.host === undefined) return "-";
  const age = job.asOf === undefined ? "" : ` (${formatSpan(now - job.asOf)} ago)`;
  return printable(job.host) + age;
}

function tabbedLine(job: Job): string {
  return [
    job.jobId,
    statusOf(job),
    exitText(job),
    job.startedAt === null ? "-" : dateText(job.startedAt),
    job.end === null ? "-" : dateText(job.end.finishedAt),
    printable(job.owner),
    commandText(job),
    // The same number of columns in every line: in a fleet a job that waits has no host yet.
    printable(job.host ?? "-"),
  ].join("\t");
}
