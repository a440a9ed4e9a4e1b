import { JobWorkerError } from "../errors.ts";
import type { CallContext, StartJobRequest } from "../service/job_service.ts";

/** @throws `permission_denied` for a job that is to come before those of others */
export function checkPriority(
  { priority = 0 }: StartJobRequest,
  { caller: { identity } }: CallContext,
): void {
  if (priority <= 0 || identity.roles.includes("admin")) return;
  throw new JobWorkerError(
    "permission_denied",
    `Permission denied: only an admin may give a job a priority above 0, and user "${identity.user}" is none`,
    { field: "priority" },
  );
}
