import type { Context } from "./context.ts";
import type { Job, JobFilter } from "./job_client.ts";

const MAX_PAGE_JOBS = 1_000;

/** Some of the jobs that match. */
export interface JobPage {
  readonly jobs: readonly Job[];
  /** Whether there are others after these. */
  readonly hasMore: boolean;
}

/** The jobs that match, newest first, at most `limit` of them, one page at a time. */
export async function* jobPages(
  { io, client }: Context,
  filter: JobFilter,
  limit = Infinity,
): AsyncGenerator<JobPage> {
  let left = limit;
  let pageToken = "";
  do {
    const pageSize = Math.min(left, MAX_PAGE_JOBS);
    const page = await client.listJobs({ filter, pageSize, pageToken }, { signal: io.interrupted });
    left -= page.jobs.length;
    pageToken = page.nextPageToken;
    yield { jobs: page.jobs, hasMore: pageToken !== "" };
  } while (pageToken !== "" && left > 0);
}

/** The same, all pages together. */
export async function allPages(pages: AsyncIterable<JobPage>): Promise<JobPage> {
  const all = await Array.fromAsync(pages);
  return { jobs: all.flatMap(({ jobs }) => jobs), hasMore: all.at(-1)?.hasMore ?? false };
}
