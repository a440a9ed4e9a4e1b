import { JobWorkerError } from "../errors.ts";
import type {
  Job,
  StopFailure,
  StopJobRequest,
  StopJobsRequest,
  StopJobsResponse,
} from "./job_service.ts";

/** What a daemon says to `runJobs` that has no hosts. */
export function notAHub(): JobWorkerError {
  const text = "Cannot run on many hosts: this daemon is no hub of a fleet; start one job here";
  return new JobWorkerError("failed_precondition", text);
}

/**
 * Stops each of many jobs, all at once, so that their grace periods overlap.
 *
 * @param stop stops one
 * @returns those that were not stopped; whatever is not for the caller to know is thrown once all have settled
 */
export async function stopEach(
  { jobIds, ...how }: StopJobsRequest,
  stop: (request: StopJobRequest) => Promise<Job>,
): Promise<StopJobsResponse> {
  const ids = [...new Set(jobIds)];
  const stopped = await Promise.allSettled(ids.map((jobId) => stop({ jobId, ...how })));
  const failures: StopFailure[] = [];
  for (const [index, result] of stopped.entries()) {
    if (result.status === "fulfilled") continue;
    const { reason } = result;
    if (!(reason instanceof JobWorkerError)) throw reason;
    const { code, message } = reason;
    failures.push({ jobId: ids[index] ?? "", code, message });
  }
  return { failures };
}
