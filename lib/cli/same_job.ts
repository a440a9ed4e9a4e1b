import { failedPrecondition } from "../errors.ts";
import { HIDDEN } from "../job/command.ts";
import { redactUrl } from "../job/notification.ts";
import { quoted } from "../text/quoted.ts";
import type { NewJob } from "./invocation.ts";
import type { Execution, HostSelector, Job, LogLimit } from "./job_client.ts";

/**
 * What a job is to be that runs the same as another, of which the daemon has told.
 *
 * @throws `failed_precondition` if that is not known: no job is to run with other variables, another input or another
 * webhook
 */
export function sameJob(job: Job): NewJob {
  const { jobId, command, labels, name, queuedAt, execution, notify } = job;
  const hidden = Object.entries(command.env).find(([, value]) => value === HIDDEN)?.[0];
  if (hidden !== undefined) {
    throw refusal(jobId, hiddenText(job, `the value of its variable ${quoted(hidden)}`));
  }
  // Another path of the same host may be somebody else's.
  if (notify !== undefined && notify.url === redactUrl(notify.url)) {
    throw refusal(jobId, hiddenText(job, "the path of its webhook"));
  }
  if (execution.hasInput) {
    throw refusal(
      jobId,
      "it has read an input, which is not kept; to give it one: worker-cli run -i",
    );
  }
  const on = hostsOf(job);
  return {
    command: { ...command, workingDirectory: directoryOf(job) },
    labels,
    ...(name !== "" && { name }),
    requestId: "",
    logLimit: logLimitOf(job),
    execution: executionOf(execution),
    ...(queuedAt !== null && { queue: true }),
    ...(on !== null && { on }),
    ...(notify !== undefined && { notify: notify.url }),
  };
}

function refusal(jobId: string, why: string): Error {
  return failedPrecondition(`Cannot restart job "${jobId}": ${why}`);
}

function hiddenText({ host, asOf, owner }: Job, what: string): string {
  if (asOf !== undefined) return `${what} is known to host "${host}" only, which cannot be reached`;
  return `${what} is not told to you; user "${owner}" and admins may know it, unless it never came to a host`;
}

/** A job with a user for itself has an id for a name, and the next one gets another. */
function executionOf({ user, ...execution }: Execution): Partial<Execution> {
  return { ...execution, ...(!/^\d*$/.test(user) && { user }) };
}

/** The home of such a job is named after the job, and gone with it. */
function directoryOf({ jobId, command: { workingDirectory } }: Job): string {
  return workingDirectory.split("/").includes(jobId) ? "" : workingDirectory;
}

function logLimitOf({ logLimit: { bytes, policy } }: Job): Partial<LogLimit> {
  return { bytes, ...(policy !== "unknown" && { policy }) };
}

/** The same choice of hosts; for a job that no hub has placed, its host. */
function hostsOf({ on, host }: Job): HostSelector | null {
  if (on === undefined) return host === undefined ? null : { host, labels: {} };
  return on.host === "" && Object.keys(on.labels).length === 0 ? null : on;
}
