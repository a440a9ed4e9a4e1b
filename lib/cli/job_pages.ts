import type { Context } from "./context.ts";
import type { Job, JobFilter } from "./job_client.ts";

const MAX_PAGE_JOBS = 1_000;

/** The jobs that match, newest first, at most `limit` of them, one page at a time. */
export async function* jobPages(
  { io, client }: Context,
  filter: JobFilter,
  limit = Infinity,
): AsyncGenerator<readonly Job[]> {
  let left = limit;
  let pageToken = "";
  do {
    const pageSize = Math.min(left, MAX_PAGE_JOBS);
    const page = await client.listJobs({ filter, pageSize, pageToken }, { signal: io.interrupted });
    yield page.jobs;
    left -= page.jobs.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && left > 0);
}
