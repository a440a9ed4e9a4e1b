import { failedPrecondition, type JobWorkerError } from "../errors.ts";
import type { ExecutorSettings } from "../executor/protocol.ts";

/**
 * Whether executors with these settings give jobs the same rights: a job that gets a user of its own from the one
 * runs as root in another that makes none.
 */
export function givesSameRights(one: ExecutorSettings, other: ExecutorSettings): boolean {
  const rightsIn = ({ newPrivileges, jobUids }: ExecutorSettings) =>
    JSON.stringify([newPrivileges, jobUids]);
  return rightsIn(one) === rightsIn(other);
}

/** Why there can be no executor for new jobs, where none of these gives them the right rights. */
export function tooManyExecutors(pids: readonly number[]): JobWorkerError {
  return failedPrecondition(
    `Cannot start an executor: the ${pids.length} that there may be have jobs, and other --new-privileges or ` +
      "--job-uids; stop the jobs of one under a daemon with the options of before, or end it with them by " +
      `\`kill PID\`: ${pids.join(" ")}`,
  );
}
