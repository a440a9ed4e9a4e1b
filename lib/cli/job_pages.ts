import type { Context } from "./context.ts";
import type { Job, JobFilter } from "./job_client.ts";

const MAX_PAGE_JOBS = 1_000;

/** Some of the jobs that match. */
export interface JobPage {
  readonly jobs: readonly Job[];
  /** Whether there are others after these. */
  readonly hasMore: boolean;
  /** Where those begin; empty if there are none. */
  readonly nextPageToken: string;
}

/**
 * The jobs that match, newest first, at most `limit` of them, one page at a time.
 *
 * @param from where to begin, if not at the newest
 */
export async function* jobPages(
  { io, client }: Context,
  filter: JobFilter,
  limit = Infinity,
  from = "",
): AsyncGenerator<JobPage> {
  let left = limit;
  let pageToken = from;
  do {
    const pageSize = Math.min(left, MAX_PAGE_JOBS);
    const page = await client.listJobs({ filter, pageSize, pageToken }, { signal: io.interrupted });
    left -= page.jobs.length;
    pageToken = page.nextPageToken;
    yield { jobs: page.jobs, hasMore: pageToken !== "", nextPageToken: pageToken };
  } while (pageToken !== "" && left > 0);
}

/** The same, all pages together. */
export async function allPages(pages: AsyncIterable<JobPage>): Promise<JobPage> {
  const all = await Array.fromAsync(pages);
  const { hasMore = false, nextPageToken = "" } = all.at(-1) ?? {};
  return { jobs: all.flatMap(({ jobs }) => jobs), hasMore, nextPageToken };
}
