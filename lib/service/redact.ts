import { authorize, CHANGE } from "../auth/authorize.ts";
import type { Identity } from "../auth/identity.ts";
import { redacted } from "../job/redacted.ts";
import type { Job } from "../job/types.ts";

/**
 * A job as a caller may see it. Secrets are passed to a job in variables, so only those who may also act on it,
 * its owner and admins, see their values. Others see the names. The same holds for the URL of its webhook.
 */
export function redactJob(job: Job, identity: Identity): Job {
  return authorize(identity, CHANGE, job.owner).kind === "allowed" ? job : redacted(job);
}
