import { JobWorkerError } from "../errors.ts";
import type { StartJobRequest } from "./job_service.ts";

/** @throws `failed_precondition` for a job that is to run on a certain host, although there is only this one */
export function checkHere({ on }: StartJobRequest): void {
  if (on === undefined || (on.host === "" && Object.keys(on.labels).length === 0)) return;
  throw new JobWorkerError(
    "failed_precondition",
    "Cannot choose where the job runs: this daemon is no hub of a fleet; leave out `on`",
    { field: "on" },
  );
}
