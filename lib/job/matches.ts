import { beganAt, type Job, type JobFilter, statusOf } from "./types.ts";

/** Whether a job passes a filter. */
export function matches(job: Job, filter: JobFilter): boolean {
  const {
    statuses,
    owner,
    labels,
    jobIdPrefix,
    jobIdSuffix,
    name,
    startedAfter,
    startedBefore,
    host,
  } = filter;
  const status = statusOf(job);
  return (statuses === undefined || statuses.some((wanted) => wanted === status)) &&
    (owner === undefined || job.owner === owner) &&
    (host === undefined || job.host === host) &&
    (jobIdPrefix === undefined || job.jobId.startsWith(jobIdPrefix)) &&
    (jobIdSuffix === undefined || job.jobId.endsWith(jobIdSuffix)) &&
    (name === undefined || job.name === name) &&
    (startedAfter === undefined || beganAt(job) >= startedAfter) &&
    (startedBefore === undefined || beganAt(job) < startedBefore) &&
    Object.entries(labels ?? {}).every(([name, value]) => job.labels[name] === value);
}
