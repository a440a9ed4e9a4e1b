import { JobWorkerError } from "../errors.ts";
import { END_STATUSES, type Job } from "../job/types.ts";
import type { CallContext, PruneJobsRequest, PruneJobsResponse } from "../service/job_service.ts";
import type { FleetHosts } from "./fleet_hosts.ts";
import { NOWHERE } from "./known_job.ts";
import type { Registry } from "./registry.ts";

/** The most jobs in one answer. */
const MAX_PRUNED = 1_000;

/** How many jobs are looked at at a time. */
const PAGE = 500;

/** Each host prunes what it has, by the same limits. */
export async function pruneHosts(
  hosts: FleetHosts,
  request: PruneJobsRequest,
  context: CallContext,
): Promise<PruneJobsResponse> {
  const pruned = await Promise.allSettled(
    hosts.all().map(async ({ name }) => {
      const { service } = hosts.reach(name);
      const { jobs, ...rest } = await service.pruneJobs(request, context);
      return { ...rest, jobs: jobs.map((job) => ({ ...job, host: name })) };
    }),
  );
  const done = pruned.filter((each) => each.status === "fulfilled").map(({ value }) => value);
  const whole = together(done);
  const failed = pruned.find((each) => each.status === "rejected");
  if (failed === undefined) return whole;
  throw done.length === 0 ? failed.reason : partly(failed.reason, whole.count, done.length);
}

/**
 * Prunes the jobs that have ended without any host having them, by the same limits.
 *
 * @param owner whose; by default everybody's
 */
export async function pruneOwn(
  registry: Registry,
  { maxAgeMs = Infinity, maxCount = Infinity, dryRun }: PruneJobsRequest,
  owner: string | undefined,
): Promise<PruneJobsResponse> {
  const filter = { host: NOWHERE, statuses: END_STATUSES, ...(owner !== undefined && { owner }) };
  const since = Date.now() - maxAgeMs;
  const removed: Job[] = [];
  let kept = 0;
  let page = await registry.list(filter, { limit: PAGE });
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    for (const { job } of page) {
      if (kept < maxCount && (job.end?.finishedAt ?? 0) >= since) kept++;
      else removed.push(job);
    }
    page = await registry.list(filter, { limit: PAGE, before: last.job.jobId });
  }
  if (!dryRun) await registry.remove(NOWHERE, removed.map(({ jobId }) => jobId));
  return { jobs: removed.slice(0, MAX_PRUNED), count: removed.length, bytes: 0 };
}

export function together(parts: readonly PruneJobsResponse[]): PruneJobsResponse {
  return {
    jobs: parts.flatMap(({ jobs }) => jobs).toSorted(newestFirst).slice(0, MAX_PRUNED),
    count: parts.reduce((sum, { count }) => sum + count, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function newestFirst(a: Job, b: Job): number {
  return a.jobId < b.jobId ? 1 : -1;
}

/** What is thrown if some hosts have done what others have not. */
function partly(error: unknown, count: number, hosts: number): unknown {
  if (!(error instanceof JobWorkerError)) return error;
  const done = `${count} ${count === 1 ? "job" : "jobs"} of ${hosts} other hosts`;
  const { code, message, reason } = error;
  const text = `${message}; ${done} were removed all the same`;
  return new JobWorkerError(code, text, { cause: error, ...(reason !== undefined && { reason }) });
}
