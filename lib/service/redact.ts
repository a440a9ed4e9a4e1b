import { authorize, CHANGE } from "../auth/authorize.ts";
import type { Identity } from "../auth/identity.ts";
import { HIDDEN } from "../job/command.ts";
import type { Job } from "../job/types.ts";

/**
 * A job as a caller may see it. Secrets are passed to a job in variables, so only those who may also act on it,
 * its owner and admins, see their values. Others see the names.
 */
export function redactJob(job: Job, identity: Identity): Job {
  const { command, owner } = job;
  const names = Object.keys(command.env);
  if (names.length === 0 || authorize(identity, CHANGE, owner).kind === "allowed") return job;
  const env = Object.fromEntries(names.map((name) => [name, HIDDEN]));
  return { ...job, command: { ...command, env } };
}
