import { JobWorkerError } from "../errors.ts";
import type { StartJobRequest } from "./job_service.ts";

/** @throws `failed_precondition` for what only the hub of a fleet can do, although there is only this host */
export function checkHere({ on, priority = 0, ifHostLost = "wait" }: StartJobRequest): void {
  if (on !== undefined && (on.host !== "" || Object.keys(on.labels).length > 0)) {
    throw noHub("on", "choose where the job runs");
  }
  if (priority !== 0) throw noHub("priority", "give the job a priority");
  if (ifHostLost !== "wait") throw noHub("ifHostLost", "run the job again elsewhere");
}

function noHub(field: string, what: string): JobWorkerError {
  const text = `Cannot ${what}: this daemon is no hub of a fleet; leave out \`${field}\``;
  return new JobWorkerError("failed_precondition", text, { field });
}
