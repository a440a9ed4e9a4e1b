import { failedPrecondition, invalidArgument, JobWorkerError } from "../errors.ts";
import type { Context } from "./context.ts";
import { JOB_NAME } from "../job/job_name.ts";
import { commandText } from "../job/job_words.ts";
import { matches } from "../job/matches.ts";
import { LIVE_STATUSES } from "../job/types.ts";
import type { Job, JobFilter } from "./job_client.ts";
import { outcomeText } from "./job_text.ts";
import { printable } from "../text/printable.ts";
import { quoted } from "../text/quoted.ts";
import { textWidthFor, truncate } from "./text_width.ts";

/** What stands for the user's own newest job. Neither can be an id or a name. */
const LAST: readonly string[] = ["-", "@last"];

/** Ids begin with the time, so fewer characters would not distinguish jobs of one year. */
const MIN_LENGTH = 4;
const FULL_LENGTH = 36;
const MAX_CANDIDATES = 10;

/**
 * Finds the id of a job as somebody has typed it: the whole id, its beginning or its end, the name of one of their own
 * jobs, or a word for their newest. The daemon is asked twice at most, for a few jobs, however many it has.
 *
 * @throws {JobWorkerError} `invalid_argument` for what can be none of these, `not_found` if no job is called so,
 * `failed_precondition` if several ids begin or end so
 */
export async function resolveJobId(context: Context, typed: string): Promise<string> {
  if (LAST.includes(typed)) return await lastId(context, typed);
  if (JOB_NAME.test(typed)) return await namedId(context, typed);
  const part = typed.toLowerCase();
  const { length } = part;
  if (!/^[0-9a-f-]+$/.test(part) || length < MIN_LENGTH || length > FULL_LENGTH) {
    throw invalidArgument(
      `${
        quoted(typed)
      } is no job: use its id, the beginning or end of it (at least ${MIN_LENGTH} of its ` +
        "characters, which are 0-9, a-f and hyphens), its name, or - for your last job",
    );
  }
  return length === FULL_LENGTH ? part : await idWith(context, part);
}

async function lastId(context: Context, typed: string): Promise<string> {
  const job = await newestOwn(context, {});
  if (job !== undefined) return job.jobId;
  throw new JobWorkerError("not_found", `There is no job of yours, so ${quoted(typed)} is none`);
}

/** The newest job of a name, and first one that has not ended. */
async function namedId(context: Context, name: string): Promise<string> {
  const job = await newestOwn(context, { name, statuses: LIVE_STATUSES }) ??
    await newestOwn(context, { name });
  if (job !== undefined) return job.jobId;
  throw new JobWorkerError(
    "not_found",
    `There is no job of yours with the name ${
      quoted(name)
    }; for those of others: worker-cli list --name ${name}`,
  );
}

async function newestOwn(context: Context, filter: JobFilter): Promise<Job | undefined> {
  const { jobs } = await page(context, filter, { own: true, pageSize: 1 });
  return jobs[0];
}

/** The only id that begins or ends so. */
async function idWith(context: Context, part: string): Promise<string> {
  const pageSize = MAX_CANDIDATES;
  const pages = await Promise.all([
    page(context, { jobIdPrefix: part }, { pageSize }),
    page(context, { jobIdSuffix: part }, { pageSize }),
  ]);
  const found = new Map(pages.flatMap(({ jobs }) => jobs.map((job) => [job.jobId, job])));
  const jobs = [...found.values()].slice(0, MAX_CANDIDATES);
  const hasMore = found.size > jobs.length || pages.some(({ isWhole }) => !isWhole);
  const [first, second] = jobs;
  if (first === undefined) {
    throw new JobWorkerError("not_found", `There is no job whose id begins or ends with "${part}"`);
  }
  if (second === undefined && !hasMore) return first.jobId;
  const lines = await candidateLines(jobs);
  if (hasMore) lines.push("  and more");
  throw failedPrecondition(
    `The ids of several jobs begin or end with "${part}"; type more of it:\n${lines.join("\n")}`,
  );
}

async function page(
  { client, io }: Context,
  filter: JobFilter,
  how: { readonly own?: boolean; readonly pageSize: number },
): Promise<{ jobs: readonly Job[]; isWhole: boolean }> {
  const request = { filter, ...how, pageToken: "" };
  const { jobs, nextPageToken } = await client.listJobs(request, { signal: io.interrupted });
  // A daemon that does not know of names or ends of ids would tell of other jobs.
  return { jobs: jobs.filter((job) => matches(job, filter)), isWhole: nextPageToken === "" };
}

async function candidateLines(jobs: readonly Job[]): Promise<string[]> {
  const commands = jobs.map(commandText);
  const textWidth = await textWidthFor(commands);
  return jobs.map((job, index) => {
    const command = truncate(commands[index] ?? "", 40, textWidth);
    const name = job.name === "" ? "" : `${printable(job.name)}  `;
    return `  ${printable(job.jobId)}  ${name}${outcomeText(job)}  ${command}`;
  });
}
