import { formatByteSize } from "../../text/byte_size.ts";
import { changing } from "../changing.ts";
import type { Context } from "../context.ts";
import type { PruneVerb } from "../invocation.ts";
import { printLine } from "../io.ts";
import type { Job } from "../job_client.ts";
import type { ColumnName } from "../job_columns.ts";
import { jobTable } from "../job_table.ts";
import { jobJson } from "../../job/job_json.ts";
import { commandText, dateText } from "../../job/job_words.ts";
import { statusOf } from "../../job/types.ts";
import { jsonLine, printable } from "../../text/printable.ts";

/**
 * Removes finished jobs with their logs. Prints a table of them on a terminal, elsewhere a line per job, separated
 * by tabs, and the total on stderr.
 */
export async function prune(
  { io, settings, client }: Context,
  { kind: _kind, ...request }: PruneVerb,
): Promise<number> {
  const { dryRun } = request;
  const pruning = client.pruneJobs(request, { signal: io.interrupted });
  const { jobs, count, bytes } = dryRun ? await pruning : await changing(
    io,
    pruning,
    "jobs may have been removed; those that are left: worker-cli list",
  );
  if (settings.json) {
    const lines = [...jobs.map(jobJson), { pruned: { count, bytes, dryRun } }].map(jsonLine);
    await printLine(io.stdout, lines.join("\n"));
    return 0;
  }
  if (jobs.length > 0) {
    const lines = io.stdout.isTerminal
      ? await jobTable({ io, settings }, jobs, { columns: COLUMNS, width: io.stdout.columns })
      : jobs.map(tabbedLine);
    await printLine(io.stdout, lines.join("\n"));
  }
  const shown = count > jobs.length ? `; only the newest ${jobs.length} are shown` : "";
  await printLine(
    io.stderr,
    `worker-cli: ${dryRun ? "Would remove" : "Removed"} ${count} ${count === 1 ? "job" : "jobs"} ` +
      `with ${formatByteSize(bytes)} of logs${shown}`,
  );
  return 0;
}

const COLUMNS: readonly ColumnName[] = ["id", "status", "finished", "log", "owner", "command"];

function tabbedLine(job: Job): string {
  return [
    job.jobId,
    statusOf(job),
    job.end === null ? "-" : dateText(job.end.finishedAt),
    formatByteSize(job.logBytes),
    printable(job.owner),
    commandText(job),
  ].join("\t");
}
